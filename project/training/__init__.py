"""From a net and its data to trained weights and numbers, with Lightning."""
