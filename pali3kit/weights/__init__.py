"""Weights on disk: written whole, read safely."""
