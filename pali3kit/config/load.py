"""Reads an experiment: its file over its scale's file, overrides over both, typed and checked.

All that is wrong is raised at once, before torch is imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pali3kit.config.check import check
from pali3kit.config.grid import spell_out
from pali3kit.config.interpolate import interpolate
from pali3kit.config.merge import merge, nest
from pali3kit.config.root import public_sets
from pali3kit.config.schema import Experiment
from pali3kit.config.tree import MOST_CHARACTERS, MOST_DEPTH, Node, parse
from pali3kit.config.typed import Builder
from pali3kit.errors import ConfigError, Problem, brief, choose

MOST_SHOWN = 300  # characters of an override that stand where its problems are told


@dataclass(frozen=True)
class Layers:
    """The merged tree of an experiment; `complete` is False where something could not be read."""

    tree: Node
    problems: list[Problem]
    complete: bool


def load(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read the experiment at `path` with `key=value` overrides (dotted keys, values as YAML).

    Raises ConfigError with all problems: unknown keys, wrong types, missing keys, parts that do not fit.
    """
    layers = read(path, overrides)
    problems = list(layers.problems)
    builder = Builder(complete=layers.complete)
    experiment = builder.experiment(layers.tree)
    if not any(key.partition(".")[0] in ("grid", "baseline") for key in builder.refused):
        # Without a grid there is one cell, and nothing that it could be compared with.
        experiment.baseline = spell_out(experiment.baseline, experiment.grid) if experiment.grid else {}
    problems += builder.problems + check(experiment, layers.tree, builder.refused)
    if problems:
        raise ConfigError(_ordered(problems))
    return experiment


def read(path: str | Path, overrides: Sequence[str] = ()) -> Layers:
    """Merge the layers of an experiment without judging their keys.

    Raises ConfigError when the experiment's own file cannot be read.
    """
    problems: list[Problem] = []
    own = _read_file(Path(path), problems)
    if own is None:
        raise ConfigError(problems)
    extra = _read_overrides(overrides, problems)
    scale = _read_scale(Path(path), _over(own, extra), problems)
    lowest = scale or Node({}, own.where)
    tree = _over(merge(Experiment, lowest, own), extra)
    if (public := public_sets(tree)) is not None:
        tree = _over(merge(Experiment, merge(Experiment, lowest, public), own), extra)
    before = len(problems)
    tree = interpolate(Node(tree.value, own.where), problems)
    return Layers(tree, problems, complete=scale is not None and len(problems) == before)


def _read_file(path: Path, problems: list[Problem]) -> Node | None:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_CHARACTERS + 1)  # one more tells that it is too long
    except (OSError, ValueError) as error:
        reason = "it is no UTF-8 text" if isinstance(error, UnicodeError) else getattr(error, "strerror", None) or error
        problems.append(Problem(str(path), f"cannot be read: {reason}.{_sibling(path)}"))
        return None
    node = parse(text, str(path), problems)
    if node is not None and not isinstance(node.value, dict):
        problems.append(Problem(node.where, "an experiment or scale file should be a mapping of keys to values."))
        return None
    return node


def _sibling(path: Path) -> str:
    if os.path.exists(path) or not os.path.isdir(path.parent):
        return ""
    near = [found for found in path.parent.glob("*.yaml") if not found.name.startswith(".")]
    return choose(path.name, (found.name for found in near)) or _shipped()


def _shipped() -> str:
    return choose("", (str(found) for found in Path("experiments").glob("*.yaml")))


def _over(tree: Node, layers: Sequence[Node]) -> Node:
    """Lay overrides over a tree, each over those before it: `grid={}` and then an axis leave that axis alone."""
    for layer in layers:
        tree = merge(Experiment, tree, layer)
    return tree


def _read_overrides(overrides: Sequence[str], problems: list[Problem]) -> list[Node]:
    """Parse `key=value` texts."""
    layers = []
    for text in overrides:
        where = f"command line: {brief(text, MOST_SHOWN)}"
        key, equals, value = text.partition("=")
        if not equals or not key:
            problems.append(Problem(where, "an override looks like key=value."))
            continue
        if key.count(".") > MOST_DEPTH:
            problems.append(Problem(where, f"a key of more than {MOST_DEPTH} dots: none is so deep."))
            continue
        leaf = parse(value, where, problems, override=True) if value.strip() else Node("", where)
        if leaf is not None:
            layers.append(nest(Experiment, key, leaf))
    return layers


def _read_scale(path: Path, top: Node, problems: list[Problem]) -> Node | None:
    """Read the scale's file, which lies in `scales/` beside the experiment's."""
    node = top.value.get("scale")
    if node is None:
        problems.append(Problem(str(path), "missing key 'scale': it needs a text."))
    if node is None or not isinstance(node.value, str):
        return None
    folder = path.parent / "scales"
    file = folder / f"{node.value}.yaml"
    known = [found.stem for found in folder.glob("*.yaml")]
    if node.value not in known:
        hint = choose(node.value, known) or f" Scales are the files {folder}/NAME.yaml, and there is none."
        problems.append(Problem(node.where, f"unknown scale '{brief(node.value)}'.{hint}"))
        return None
    return _read_file(file, problems)


def _ordered(problems: list[Problem]) -> list[Problem]:
    """Sort by file and line, each problem once; overrides come last, in their own order."""

    def place(problem: Problem) -> tuple[bool, str, int]:
        file, _, line = problem.where.rpartition(":")
        on_line = problem.where.startswith("command line")
        return on_line, "" if on_line else file, int(line) if line.isdigit() and not on_line else 0

    return sorted(dict.fromkeys(problems), key=place)
