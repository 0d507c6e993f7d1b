"""Deep-learning experiments that can be trusted: paired, resumable, traceable."""
