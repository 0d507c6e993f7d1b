"""Tests of project.runs."""
