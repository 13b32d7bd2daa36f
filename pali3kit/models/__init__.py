"""Compositions: the two towers, the classifier and PaLI."""
