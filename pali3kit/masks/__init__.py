"""Masks: cut out of pictures, as 16 discrete tokens, and as text."""
