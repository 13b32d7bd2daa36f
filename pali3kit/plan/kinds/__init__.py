"""The kinds of stages, one file each. The module of the same name in `training.stages` runs them."""
