"""The experiment of part 2: classify points in the unit square as inside or outside a disk."""
