"""Files behind URLs, by fsspec."""
