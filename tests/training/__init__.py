"""Tests of project.training."""
