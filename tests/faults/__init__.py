"""Every fault that a run or a sweep has to survive, and what the user sees of it."""
