"""Tests of project.launchers."""
