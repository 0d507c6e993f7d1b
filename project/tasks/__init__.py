"""What is learnt, and by which metric it is judged: LightningModules around a net."""
