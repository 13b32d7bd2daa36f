"""Masks: read from COCO annotations, cropped, encoded as 16 discrete tokens, and written as text."""
