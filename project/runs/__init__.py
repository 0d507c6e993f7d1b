"""Runs on disk: lock, record, execution, provenance. Imports neither torch nor Lightning."""
