"""Reads an experiment: its file over its scale's file, command line overrides over both, then typed and checked.

All problems are raised together, before torch is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from pali3kit.config.arms import with_arm_axis
from pali3kit.config.check import check
from pali3kit.config.counterparts import counterparts
from pali3kit.config.experiments import SCALES, find_scales, shipped_experiments
from pali3kit.config.from_saved import saved_settings
from pali3kit.config.interpolate import INTERPOLATION, interpolate
from pali3kit.config.kinds import VARIABLES
from pali3kit.config.merge import merge, nest
from pali3kit.config.root import public_sets, without_training
from pali3kit.config.schema import Experiment, Model
from pali3kit.config.tree import COMMAND_LINE, MOST_CHARACTERS, MOST_DEPTH, Node, parse
from pali3kit.config.typed import MOST_SUGGESTIONS, Builder
from pali3kit.config.written import written
from pali3kit.errors import ConfigError, Problem, brief, choose, nearest

_SECTIONS = {"model", "tokenizer", "data", "stages"}  # those that have keys without defaults
_COMPONENTS = {field.name for field in fields(Model) if field.default is field.default_factory is MISSING}
MOST_SHOWN = 300  # characters of an override that its error messages quote


@dataclass(frozen=True)
class _Layers:
    """The merged tree of an experiment; `complete` is False where something could not be read."""

    tree: Node
    problems: list[Problem]
    complete: bool


def load(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read the experiment at `path` with `key=value` overrides (dotted keys, values as YAML).

    Raises ConfigError with all problems: unknown keys, wrong types, missing keys, components that do not fit.
    """
    layers = _read_layers(path, overrides)
    problems = list(layers.problems)
    builder = Builder(complete=layers.complete)
    experiment = builder.experiment(layers.tree)
    if not any(key.partition(".")[0] in ("grid", "baseline", "arms") for key in builder.refused):
        # Without a grid there is one cell and nothing to compare it with.
        experiment.baseline = _spell_out(experiment.baseline, experiment.grid) if experiment.grid else {}
    problems += builder.problems + check(experiment, layers.tree, builder.refused)
    if problems:
        raise ConfigError(_ordered(problems))
    return experiment


def overridden(experiment: Experiment, where: str, overrides: Sequence[str]) -> Experiment:
    """An experiment of a run that was read from `where`, with `key=value` overrides.

    A `data.root` among them replaces the sources of benchmarks; the run's own has those of other benchmarks than the
    run's. Of public sets only what is measured needs to be there. Raises ConfigError with the problems of the overrides
    and of such sets: of what the run was trained on, nothing needs to be here.
    """
    problems: list[Problem] = []
    extra = _read_overrides(overrides, problems)
    tree = Node.of(written(experiment), where)
    merged = _over(tree, extra)
    if any(each.startswith("data.root=") for each in overrides):
        public = public_sets(merged) or counterparts(merged) or Node({}, where)
    else:
        public = _below_own_root(merged, experiment.data.benchmarks, where)
    tree = without_training(_over(merge(Experiment, tree, public), extra), public)
    builder = Builder()
    built = builder.experiment(tree)
    problems += builder.problems + check(built, tree, builder.refused)
    if own := [problem for problem in problems if problem.where != where]:
        raise ConfigError(_ordered(own))
    return built


def _below_own_root(tree: Node, own: Container[str], where: str) -> Node:
    """The public sets of other benchmarks than `own` below the tree's `data.root`, whose place tells their problems;
    their drawn counterparts without a root.
    """
    data = tree.value["data"]
    root = Node(data.value["root"].value, f"{where}: data.root")
    rooted = Node({**tree.value, "data": Node({**data.value, "root": root}, data.where)}, tree.where)
    public = public_sets(rooted) or counterparts(tree)
    found = public.value.get("data") if public is not None else None
    others = {} if found is None else {k: each for k, each in found.value["benchmarks"].value.items() if k not in own}
    return nest(Experiment, "data.benchmarks", Node(others, root.where)) if others else Node({}, where)


def _spell_out(baseline: Mapping[str, object], grid: Mapping[str, Sequence[object]]) -> dict[str, object]:
    """Return the baseline with each component that is a name alone replaced by the grid's only one of that name."""

    def part(axis: str, value: object) -> object:
        called = [each for each in grid.get(axis, ()) if isinstance(each, dict) and each.get("name") == value]
        return called[0] if len(called) == 1 else value

    return {axis: part(axis, value) for axis, value in baseline.items()}


def _read_layers(path: str | Path, overrides: Sequence[str] = ()) -> _Layers:
    """Merge and interpolate the layers of an experiment without checking their keys.

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
    below = [layer for layer in (public_sets(tree), counterparts(tree), saved_settings(tree)) if layer is not None]
    if below:
        tree = _over(merge(Experiment, _over(lowest, below), own), extra)
    _check_variables([lowest, own, *extra], problems)
    before = len(problems)
    values = dict(interpolate(Node(tree.value, own.where), problems).value)
    values.pop(VARIABLES, None)
    tree = with_arm_axis(Node(values, own.where))
    return _Layers(tree, problems, complete=scale is not None and len(problems) == before)


def _check_variables(layers: Sequence[Node], problems: list[Problem]) -> None:
    """Refuse variables that no value of any layer uses."""
    keys = [words for layer in layers for words in _interpolated(layer)]
    taken = {word for words in keys for word in words}
    known = {words[1] for words in keys if words[0] == VARIABLES and len(words) > 1}
    for layer in layers:
        variables = layer.value.get(VARIABLES, Node({}, layer.where))
        if not isinstance(variables.value, dict | None):
            problems.append(Problem(variables.where, f"{VARIABLES} should be a mapping of names to values."))
            continue
        for name, node in (variables.value or {}).items():
            if name not in taken:
                meant = choose(name, known) if len(problems) < MOST_SUGGESTIONS else ""
                problems.append(Problem(node.where, f"no value takes '{VARIABLES}.{brief(name)}'.{meant}"))


def _interpolated(node: Node) -> Iterator[list[str]]:
    """The keys that interpolations name, each as its words."""
    if isinstance(node.value, str):
        found = (re.findall(r"[^.\[\]]+", match["key"]) for match in INTERPOLATION.finditer(node.value))
        yield from filter(None, found)
    elif isinstance(node.value, dict | list):
        for child in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from _interpolated(child)


def _read_file(path: Path, problems: list[Problem]) -> Node | None:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_CHARACTERS + 1)  # one more than allowed
    except (OSError, ValueError) as error:
        is_binary = isinstance(error, UnicodeError)
        reason = "it is not UTF-8 text" if is_binary else getattr(error, "strerror", None) or error
        where = f"{path}:{_first_line_that_is_no_text(path)}" if is_binary else str(path)
        problems.append(Problem(where, f"cannot be read: {reason}.{_sibling(path)}"))
        return None
    node = parse(text, str(path), problems)
    if node is not None and not isinstance(node.value, dict):
        problems.append(Problem(node.where, "an experiment or scale file should be a mapping of keys to values."))
        return None
    return node


def _first_line_that_is_no_text(path: Path) -> int:
    with path.open("rb") as file:
        lines = file.read(4 * MOST_CHARACTERS).split(b"\n")  # a character has up to 4 bytes
    return next((number for number, line in enumerate(lines, 1) if not _is_text(line)), len(lines))


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sibling(path: Path) -> str:
    if os.path.isdir(path):
        return choose("", (str(found) for found in path.glob("*.yaml") if not found.name.startswith(".")))
    if os.path.exists(path):
        return ""
    if by_name := [name for name, file in shipped_experiments().items() if file.stem == path.stem]:
        return f" One of this name comes with pali3kit: '{by_name[0]}'."
    if not os.path.isdir(path.parent):
        return ""
    near = [found for found in path.parent.glob("*.yaml") if not found.name.startswith(".")]
    return choose(path.name, (found.name for found in near)) or _shipped()


def _shipped() -> str:
    return choose("", (str(found) for found in Path("experiments").glob("*.yaml")))


def _over(tree: Node, layers: Sequence[Node]) -> Node:
    """Lay overrides over a tree in order, so that `grid={}` followed by an axis leaves a grid of that axis alone."""
    for layer in layers:
        tree = merge(Experiment, tree, layer)
    return tree


def _read_overrides(overrides: Sequence[str], problems: list[Problem]) -> list[Node]:
    """Parse `key=value` texts."""
    layers = []
    for text in overrides:
        where = f"{COMMAND_LINE}{brief(text, MOST_SHOWN)}"
        key, equals, value = text.partition("=")
        if not equals or not key:
            problems.append(Problem(where, "an override looks like key=value."))
            continue
        if key.count(".") > MOST_DEPTH:
            problems.append(Problem(where, f"a key with more than {MOST_DEPTH} dots: no key is nested that deep."))
            continue
        leaf = parse(value, where, problems, override=True) if value.strip() else Node("", where)
        if leaf is not None:
            layers.append(nest(Experiment, key, leaf))
    return layers


def _read_scale(path: Path, top: Node, problems: list[Problem]) -> Node | None:
    """Read the scale's file, which lies in `scales/` beside the experiment's, or ships.

    Experiments with all sections, as runs and saved models have them (`saved.to_yaml`), need none.
    """
    node = top.value.get("scale")
    if node is None:
        problems.append(Problem(str(path), f"missing key 'scale'.{choose('', find_scales(path.parent))}"))
    if node is None or not isinstance(node.value, str):
        return None
    if not (path.parent / SCALES).is_dir() and _is_whole(top):
        return Node({}, node.where)
    scales = find_scales(path.parent)
    if node.value not in scales:
        own = f" Your own are the files {path.parent / SCALES}/NAME.yaml."
        hint = nearest(node.value, scales) or choose(node.value, scales) + own
        problems.append(Problem(node.where, f"unknown scale '{brief(node.value)}'.{hint}"))
        return None
    return _read_file(scales[node.value], problems)


def _is_whole(top: Node) -> bool:
    """Whether an experiment has all sections, and not only some keys of them."""
    model = top.value.get("model")
    return top.value.keys() >= _SECTIONS and isinstance(model.value, dict) and model.value.keys() >= _COMPONENTS


def _ordered(problems: list[Problem]) -> list[Problem]:
    """Sort by file and line, each problem once; overrides come last, in their own order."""

    def place(problem: Problem) -> tuple[bool, str, int]:
        file, _, line = problem.where.rpartition(":")
        on_line = problem.where.startswith(COMMAND_LINE)
        return on_line, "" if on_line else file, int(line) if line.isdigit() and not on_line else 0

    return sorted(dict.fromkeys(problems), key=place)
