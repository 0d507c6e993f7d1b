"""Tests of project.config."""
