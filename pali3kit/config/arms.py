"""Named arms: settings that vary together. They are the values of one axis of the grid, `arm`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pali3kit.config.schema import Experiment
from pali3kit.config.tree import Node

ARM = "arm"  # the axis
NAME = "name"  # the key of an arm's name; its other keys are dotted keys of the experiment


def with_arm_axis(tree: Node) -> Node:
    """The tree whose grid has the axis `arm`, before its other axes: all arms, unless the grid names some."""
    given = (arm.value[NAME] for arm in _arms(tree) if NAME in arm.value)
    names = list({node.value: node for node in given if isinstance(node.value, str)}.values())
    grid = tree.value.get("grid", Node({}, tree.where))
    if not names or not isinstance(grid.value, dict | None) or ARM in (grid.value or {}):
        return tree
    axes = {ARM: Node(names, tree.value["arms"].where), **(grid.value or {})}
    return Node({**tree.value, "grid": Node(axes, grid.where)}, tree.where)


def values_of_arm(tree: Node, name: object) -> dict[str, Node]:
    """The values that an arm sets, by dotted key; none where there is no such arm."""
    found = (arm.value for arm in _arms(tree) if NAME in arm.value and arm.value[NAME].value == name)
    return {key: node for key, node in next(found, {}).items() if key != NAME}


def _arms(tree: Node) -> Iterator[Node]:
    """The arms that are mappings; checks report the others."""
    arms = tree.value.get("arms")
    if arms is not None and isinstance(arms.value, list):
        yield from (each for each in arms.value if isinstance(each.value, dict))


def spelled_out(point: Mapping[str, object], arms: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """A point of the grid with the values that its arm sets."""
    own = next((arm for arm in arms if ARM in point and arm[NAME] == point[ARM]), {})
    return {**{key: value for key, value in own.items() if key != NAME}, **point}


def varied_values(experiment: Experiment, key: str) -> list[object]:
    """The values of a dotted key in the grid, and in those arms that the grid has."""
    chosen = [arm for arm in experiment.arms if arm.get(NAME) in experiment.grid.get(ARM, ())]
    return [*experiment.grid.get(key, ()), *(arm[key] for arm in chosen if key in arm)]
