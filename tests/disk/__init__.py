"""Tests of project.disk."""
