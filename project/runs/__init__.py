"""What a run is on disk: its identity, its directory, its status and where its numbers come from.

Imports neither torch nor Lightning: finding that a run is finished takes milliseconds.
"""
