"""The kinds of stages, one file each; what runs them is the module of the same name in `training.stages`."""
