"""The execution of a plan: what is missing of a graph is made by worker processes and kept in a store."""
