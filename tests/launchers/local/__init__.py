"""Tests of project.launchers.local."""
