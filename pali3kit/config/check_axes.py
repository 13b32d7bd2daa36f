"""Checks of the grid's axes and of the arms: which keys may differ between cells, and that values differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pali3kit.config.arms import ARM, NAME
from pali3kit.config.budgets import KeyProblem
from pali3kit.config.kinds import exists, keys
from pali3kit.config.schema import Experiment
from pali3kit.config.suggestions import new_key
from pali3kit.config.tree import COMMAND_LINE, Node
from pali3kit.errors import Problem, brief, choose, nearest

MAX_CELLS = 512
_FIXED = (
    "name",
    "scale",
    "paper",
    "seeds",
    "grid",
    "arms",
    "baseline",
    "evaluate",
    "evaluation.after",
    "data.root",
    "model.from",
    "model.start",
    "runtime",
)
"""Keys of the experiment as a whole, which cannot differ between cells."""


def is_axis(key: str) -> bool:
    """Whether a key may be an axis of the grid."""
    return key == ARM or (exists(Experiment, key) and not _is_fixed(key))


def _is_fixed(key: str) -> bool:
    return any(key == fixed or key.startswith(f"{fixed}.") for fixed in _FIXED)


def with_valid_arms(tree: Node) -> Node:
    """The tree without the keys of arms that no cell can have, which `check_arms` reports."""
    arms = tree.value.get("arms")
    if arms is None or not isinstance(arms.value, list):
        return tree
    valid = [
        Node({key: node for key, node in arm.value.items() if key == NAME or is_axis(key)}, arm.where)
        for arm in arms.value
        if isinstance(arm.value, dict)
    ]
    return Node({**tree.value, "arms": Node(valid, arms.where)}, tree.where)


def check_grid(experiment: Experiment) -> Iterator[KeyProblem]:
    """Check that axes are keys in which cells may differ, and have values, each once."""
    for axis, values in experiment.grid.items():
        at = f"grid.{axis}"
        if axis == ARM:
            names = [str(arm.get(NAME, "")) for arm in experiment.arms]
            unknown = [str(value) for value in values if value not in names]
            yield from ((at, f"there is no arm '{brief(each)}' in arms.{choose(each, names)}") for each in unknown)
        else:
            yield from ((at, f"grid axis '{brief(axis)}' {why}") for why in _no_axis(axis))
        if not values:
            yield at, f"grid axis '{axis}' has no values."
        elif len(values) <= MAX_CELLS and _has_duplicates(values):
            yield at, f"grid axis '{axis}' has a value twice."


def _no_axis(key: str) -> Iterator[str]:
    """Why cells cannot differ in a key; nothing where they can."""
    if not exists(Experiment, key):
        yield f"is no key of an experiment.{new_key(key) or nearest(key, keys(Experiment))}"
    elif _is_fixed(key):
        yield "cannot vary between cells: it belongs to the whole experiment."


def overruled(tree: Node) -> Iterator[Problem]:
    """Check that no override of the command line is a key that every cell gets from an axis or its arm: it would change
    nothing.
    """
    axes, arms = tree.at("grid"), tree.at("arms")
    if axes is None or not isinstance(axes.value, dict):
        return
    for axis, values in axes.value.items():
        given = _override(tree, axis)
        if given is not None and isinstance(values.value, list):
            text = f"{axis} is an axis of the grid, whose values count: grid.{axis}=[...] chooses them"
            yield Problem(given.where, f"{text}, now {[each.plain() for each in values.value]}.")
    if arms is None or not isinstance(arms.value, list) or ARM not in axes.value:
        return
    chosen = axes.value[ARM].plain()
    settings = [arm.plain() for arm in arms.value if isinstance(arm.value, dict)]
    set_by = [set(arm) - {NAME} for arm in settings if not isinstance(chosen, list) or arm.get(NAME) in chosen]
    for key in sorted(set.intersection(*set_by)) if set_by else ():
        if given := _override(tree, key):
            yield Problem(given.where, f"every arm sets {key}, and theirs counts: arms=[] takes the arms away.")


def _override(tree: Node, key: str) -> Node | None:
    """The value that the command line gives to a key itself, not to a part of it or one above."""
    given = tree.at(*key.split("."))
    return given if given is not None and given.where.startswith(f"{COMMAND_LINE}{key}=") else None


def check_arms(experiment: Experiment) -> Iterator[KeyProblem]:
    """Check that arms have names, each once, and set keys in which cells may differ, which no axis sets too."""
    seen: set[object] = set()
    for number, arm in enumerate(experiment.arms):
        at, name = f"arms[{number}]", arm.get(NAME)
        if not isinstance(name, str) or not name.strip():
            yield at, f"{at} needs a name, a text: it is what reports call the arm."
        elif name in seen:
            yield f"{at}.{NAME}", f"two arms have the name '{brief(name)}'."
        seen.add(name)
        for key in (key for key in arm if key != NAME):
            yield from ((f"{at}.{key}", f"{at}: '{brief(key)}' {why}") for why in _no_axis(key))
            yield from ((f"{at}.{key}", f"{at}: {why}") for why in _set_twice(key, experiment.grid))


def _set_twice(key: str, axes: Iterable[str]) -> Iterator[str]:
    """Why an arm cannot set a key: an axis sets the same, a section that has it, or a key below it."""
    for axis in axes:
        if key == axis:
            yield f"'{key}' is an axis of the grid: arms cannot set it too."
        elif f"{key}.".startswith(f"{axis}.") or f"{axis}.".startswith(f"{key}."):
            yield f"'{key}' and the axis '{axis}' of the grid set the same: leave out one of the two."


def _has_duplicates(values: Sequence[object]) -> bool:
    return any(value in values[:i] for i, value in enumerate(values))
