"""Readers of public data sets in their own file formats."""
