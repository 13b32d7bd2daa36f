"""Training: optimizers, Lightning modules, and the stages that turn configs into artifacts."""
