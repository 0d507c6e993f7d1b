"""Tests of project.launchers.ray."""
