"""Figures of the report: a module for each kind, and style.py with their common look."""
