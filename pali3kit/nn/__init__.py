"""Layers that the vision, text and language models share."""
