"""Frames of videos, which are the images of a record."""
