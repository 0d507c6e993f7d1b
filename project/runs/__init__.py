"""Runs on disk: their identity, directory, lock, record, execution and provenance.

Imports neither torch nor Lightning, so that finding a completed run takes milliseconds.
"""
