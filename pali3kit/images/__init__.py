"""Pictures as tensors: how an encoder wants them, and how they get there."""
