"""Everything specific to the EPFL report: its numbers and claims, and their page sections."""
