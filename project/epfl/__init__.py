"""What only the EPFL report needs: its numbers and claims, and their sections of the page."""
