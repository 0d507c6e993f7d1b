"""Tests of project.launchers.slurm."""
