"""Tests of project.launchers.optuna."""
