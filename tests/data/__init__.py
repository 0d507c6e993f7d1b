"""Tests of project.data."""
