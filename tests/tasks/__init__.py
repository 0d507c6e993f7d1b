"""Tests of project.tasks."""
