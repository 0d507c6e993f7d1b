"""Tests of project.data.digit_images."""
