"""Deep-learning mini projects: comparing two digits, and a mini deep-learning framework."""
