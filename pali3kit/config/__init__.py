"""Experiment files: read, merged, typed, checked and hashed without torch."""
