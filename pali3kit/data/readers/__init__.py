"""Readers of public data sets in their published file formats."""
