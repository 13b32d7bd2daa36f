"""Projectors: from visual tokens to the width of the language model."""
