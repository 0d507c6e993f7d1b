"""Tasks: LightningModules that define the loss and the metrics with which a net is trained."""
