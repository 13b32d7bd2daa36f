"""The cells of an experiment: one for every combination of the grid's values, each an experiment itself."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from pali3kit.config.merge import merge, nest
from pali3kit.config.schema import Experiment
from pali3kit.config.tree import Node
from pali3kit.config.typed import Builder
from pali3kit.config.written import written
from pali3kit.errors import ConfigError


def points(experiment: Experiment) -> list[dict[str, object]]:
    """Return the grid's points in the order of its axes, the last one fastest; without a grid, one empty point."""
    return [dict(zip(experiment.grid, values, strict=True)) for values in product(*experiment.grid.values())]


def resolve(experiment: Experiment, point: Mapping[str, object]) -> Experiment:
    """Return the experiment of one cell: each dotted key of `point` set to its value.

    A component given by name alone replaces the whole component. Raises ConfigError for a value of the wrong type.
    """
    tree = Node.of(written(experiment), "grid")
    builder = Builder()
    cell = builder.experiment(place(tree, {key: Node.of(value, "grid") for key, value in point.items()}))
    if builder.problems:
        raise ConfigError(builder.problems)
    return cell


def place(tree: Node, values: Mapping[str, Node]) -> Node:
    """Set the dotted keys of `values` in a tree; the values keep their own places in the YAML file."""
    for key, node in values.items():
        tree = merge(Experiment, tree, nest(Experiment, key, node))
    return tree
