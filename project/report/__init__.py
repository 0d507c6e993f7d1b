"""From run directories to figures: reads what runs left on disk, and imports no torch."""
