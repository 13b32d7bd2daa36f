"""The cells of an experiment: one for every combination of the grid's values, each an experiment itself."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from pali3kit.config.arms import ARM, values_of_arm
from pali3kit.config.merge import merge, nest
from pali3kit.config.schema import Experiment
from pali3kit.config.tree import Node
from pali3kit.config.typed import Builder
from pali3kit.config.written import written
from pali3kit.errors import ConfigError

_WEIGHTS = frozenset({"pretrained", "weights", "allow"})  # the options of an encoder that ask for published weights


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
    """Set the dotted keys of `values` in a tree, and those of the arm among them; they keep their own places in the
    YAML file.

    Where `pretrain` is among them and `random`, the image encoder is without its published weights: the control of
    those cells that have them.
    """
    chosen = dict(values)
    if arm_name := chosen.pop(ARM, None):
        chosen = values_of_arm(tree, arm_name.value) | chosen
    for key, node in chosen.items():
        tree = merge(Experiment, tree, nest(Experiment, key, node))
    if (pretrain := chosen.get("pretrain")) is not None and pretrain.value == "random":
        return _without_weights(tree)
    return tree


def _without_weights(tree: Node) -> Node:
    vision = tree.at("model", "vision")
    if vision is None or not isinstance(vision.value, dict):
        return tree
    options = {key: node for key, node in vision.value.items() if key not in _WEIGHTS}
    model = tree.value["model"]
    bare = Node({**model.value, "vision": Node(options, vision.where)}, model.where)
    return Node({**tree.value, "model": bare}, tree.where)
