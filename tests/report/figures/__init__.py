"""Tests of project.report.figures."""
