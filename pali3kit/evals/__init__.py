"""Evaluators: from a model and examples to scores, with every prediction kept beside its number."""
