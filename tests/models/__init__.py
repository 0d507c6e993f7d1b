"""Tests of project.models."""
