"""Ablations: a grid becomes a graph of stages, what is missing is run, and differences get intervals."""
