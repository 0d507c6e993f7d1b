"""TensorBoard over runs of this project, as its users meet it."""
