"""Tests of project.cli."""
