"""Figures; each module draws one kind, and style.py says how all of them look."""
