"""Files: behind URLs by fsspec, and those of weights."""
