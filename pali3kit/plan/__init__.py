"""The plan: a grid becomes a graph of steps, each named by a digest of everything that determines its result."""
