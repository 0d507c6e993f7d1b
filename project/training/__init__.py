"""Training with Lightning: build a run's objects, train and test them, record the results."""
