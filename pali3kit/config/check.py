"""Checks of an experiment whose keys and types are valid; each problem names the line of its key."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import islice, product
from math import prod
from pathlib import Path

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK, CATALOGUES, STAGE
from pali3kit.config.budgets import KeyProblem, known_benchmarks
from pali3kit.config.check_axes import MAX_CELLS, check_arms, check_grid, is_axis, overruled, with_valid_arms
from pali3kit.config.check_compatibility import CHECKS
from pali3kit.config.check_read_from import check_read_from
from pali3kit.config.grid import place
from pali3kit.config.kinds import registry_of
from pali3kit.config.missing_files import beside_its_file
from pali3kit.config.paths import LONGEST_NAME
from pali3kit.config.ranges import out_of_range
from pali3kit.config.schema import Evaluation, Experiment
from pali3kit.config.suggestions import new_key, new_name
from pali3kit.config.tree import Node
from pali3kit.config.typed import Builder
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import Problem, brief, choose
from pali3kit.registry import METRIC

Check = Callable[[Experiment], Iterator[KeyProblem]]

PAPER_TABLES = Path(__file__).parents[1] / "paper"  # tables of the PaLI-3 paper, one YAML file each
MAX_SEEDS = 1000
MAX_PROBLEMS = 50  # problems that one check reports


def check(experiment: Experiment, tree: Node, refused: Collection[str] = ()) -> list[Problem]:
    """Return the problems of an experiment and of each of its cells; `tree` has the line of each key.

    `refused` has the keys whose values have already been reported as invalid: what depends on them is not checked.
    """
    problems = [_problem(tree, *found) for found in _run_checks(EXPERIMENT_CHECKS, experiment, refused)]
    problems += overruled(tree)
    axes = _axes(tree)
    if prod(map(len, axes.values())) > MAX_CELLS:
        text = f"the grid has more than {MAX_CELLS} cells: split it into several experiments."
        return [*problems, Problem(tree.place_of("grid"), text)]
    tree = with_valid_arms(tree)
    for values in product(*axes.values()):
        problems += _check_cell(place(tree, dict(zip(axes, values, strict=True))), refused)
    return list(dict.fromkeys(problems))


def _axes(tree: Node) -> dict[str, list[Node]]:
    """Return the valid axes of the grid; `check_grid` reports the others, and cells are checked without them."""
    grid = tree.value.get("grid", Node({}, tree.where)).value
    axes = {key: node.value for key, node in grid.items()} if isinstance(grid, dict) else {}
    return {key: values for key, values in axes.items() if isinstance(values, list) and values and is_axis(key)}


def _check_cell(tree: Node, refused: Collection[str]) -> list[Problem]:
    builder = Builder(complete=not refused)
    cell = builder.experiment(tree)
    found = _run_checks((out_of_range, *CHECKS), cell, {*refused, *builder.refused})
    return builder.problems + [_problem(tree, *each) for each in found]


def _problem(tree: Node, key: str, text: str) -> Problem:
    """A problem at the line of its key; one with a path that is there beside the file says so."""
    node, where = tree.at(*key.split(".")), tree.place_of(key)
    return Problem(where, text if node is None else text + beside_its_file(node.value, where))


def _run_checks(checks: Iterable[Check], subject: Experiment, refused: Collection[str]) -> Iterator[KeyProblem]:
    """Run each check. Problems of an invalid value and of the sections that contain it are not reported again."""
    unchecked = {key[:end] for key in refused for end in [*(i for i, char in enumerate(key) if char == "."), None]}
    for check_ in checks:
        try:
            found = islice(check_(subject), MAX_PROBLEMS)
            yield from [problem for problem in found if problem[0] not in unchecked]
        except (AttributeError, KeyError, TypeError, ValueError):
            if not refused:
                raise


def _check_name(experiment: Experiment) -> Iterator[KeyProblem]:
    if not re.fullmatch(r"\w[\w.-]*", experiment.name):
        yield "name", f"name '{brief(experiment.name)}' should be a plain folder name: letters, digits, _, - and dots."
    runs, store = experiment.runtime.runs, experiment.runtime.store
    if len(os.fsencode(experiment.name)) > LONGEST_NAME:
        yield "name", f"name '{brief(experiment.name)}' is longer than the {LONGEST_NAME} bytes of a folder's name."
    elif _is_within(folder := os.path.join(runs, experiment.name), store):
        yield "name", f"name '{experiment.name}' would mix reports with artifacts: {folder} is in runtime.store."


def _check_folders(experiment: Experiment) -> Iterator[KeyProblem]:
    runtime = experiment.runtime
    for key, path in (("runtime.runs", runtime.runs), ("runtime.store", runtime.store)):
        if file := _blocking_file(path):
            yield key, f"{key} should be a folder: '{file}' is a file."


def _check_runtime_stages(experiment: Experiment) -> Iterator[KeyProblem]:
    kinds = {kind.name: kind for kind in STAGE.all()}
    for name in experiment.runtime.stages:
        if name not in kinds:
            meant = new_name("stage", name, kinds) or choose(name, kinds)
            yield f"runtime.stages.{name}", f"unknown stage '{brief(name)}' in runtime.stages.{meant}"
        elif not kinds[name].distributed:
            own = vars(experiment.runtime.stages[name])
            yield from (
                (f"runtime.stages.{name}.{key}", f"stage '{name}' runs in one process: leave {key} out.")
                for key in ("nodes", "devices")
                if isinstance(own[key], int) and own[key] > 1
            )


def _check_paper(experiment: Experiment) -> Iterator[KeyProblem]:
    tables = sorted(file.stem for file in PAPER_TABLES.glob("*.yaml"))
    if experiment.paper and experiment.paper not in tables:
        yield "paper", f"unknown table '{brief(experiment.paper)}'.{choose(experiment.paper, tables)}"


def _is_within(path: str, folder: str) -> bool:
    """Whether a path is `folder` or lies in it."""
    inner, outer = os.path.abspath(path), os.path.abspath(folder)
    return os.path.commonpath((inner, outer)) == outer


def _blocking_file(folder: str) -> str:
    """The file that stands in the way of creating a folder; "" if there is none."""
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    return "" if os.path.isdir(above) else above


def _check_evaluate(experiment: Experiment) -> Iterator[KeyProblem]:
    yield from _check_selection("evaluate", "benchmark", experiment.evaluate, BENCHMARK.names(), BENCHMARK.broken)


def _check_references(experiment: Experiment) -> Iterator[KeyProblem]:
    """Check that the stages, metrics and keys that a benchmark refers to exist: a plug-in's benchmark may be wrong."""
    for name in known_benchmarks(experiment):
        for kind, word, names in _references(BENCHMARK.find(name)):
            broken = CATALOGUES[kind].broken if kind in CATALOGUES else {}
            if word in broken:
                yield "evaluate", f"benchmark '{name}': {broken[word].wrong}"
            elif word not in names:
                yield "evaluate", f"benchmark '{name}' names an unknown {kind} '{word}'.{choose(word, names)}"


def _references(benchmark: Benchmark) -> Iterator[tuple[str, str, list[str]]]:
    """For each name that a benchmark refers to: its kind, the name, and the existing names of that kind."""
    yield "stage", benchmark.kind, STAGE.names()
    yield "stage", benchmark.training_stage or benchmark.kind, STAGE.names()
    if benchmark.generated:
        yield "metric", benchmark.metric, METRIC.names()
    yield "benchmark", benchmark.transfer, BENCHMARK.names()
    yield "benchmark", benchmark.model_of, BENCHMARK.names()
    yield from (("key of evaluation", key, [each.name for each in fields(Evaluation)]) for key in benchmark.asked)


def _check_evaluation_after(experiment: Experiment) -> Iterator[KeyProblem]:
    after = sorted((kind for kind in STAGE.all() if kind.title), key=lambda kind: kind.stage)
    yield from _check_selection("evaluation.after", "stage", experiment.evaluation.after, [kind.name for kind in after])


def _check_seeds(experiment: Experiment) -> Iterator[KeyProblem]:
    seeds = experiment.seeds
    if not seeds:
        yield "seeds", "seeds should name at least one seed."
    if len(set(seeds)) < len(seeds):
        yield "seeds", f"seeds {brief(str(seeds))} contain a seed twice."
    if len(seeds) > MAX_SEEDS:
        yield "seeds", f"there are {len(seeds)} seeds, but at most {MAX_SEEDS} are allowed."
    if any(not 0 <= seed < 1 << 32 for seed in seeds):
        yield "seeds", f"seeds {brief(str(seeds))} should all be at least 0 and less than 2^32."


def _check_selection(
    key: str, kind: str, words: list[str], choices: list[str], broken: Mapping[str, RegistryEntry] | None = None
) -> Iterator[KeyProblem]:
    """Check a list of names at `key`: that it is not empty, and that its names exist and differ."""
    if not words:
        yield key, f"{key} is empty.{choose('', choices)}"
    for word in words:
        if broken and word in broken:
            yield key, f"{key}: {broken[word].wrong}"
        elif word not in choices:
            yield key, f"unknown name '{brief(word)}' in {key}.{new_name(kind, word, choices) or choose(word, choices)}"
    if len(set(words)) < len(words):
        yield key, f"{key} names a {kind} twice."


def _check_baseline(experiment: Experiment) -> Iterator[KeyProblem]:
    for axis, value in experiment.baseline.items():
        at = f"baseline.{axis}"
        if axis not in experiment.grid:
            yield at, f"baseline '{axis}' is no axis of the grid.{new_key(axis) or choose(axis, experiment.grid)}"
        elif value not in experiment.grid[axis]:
            word, choices = _in_flow_style(value), [_in_flow_style(choice) for choice in experiment.grid[axis]]
            several = sum(isinstance(choice, dict) and choice.get("name") == value for choice in experiment.grid[axis])
            what = f"fits {several} values of the grid: add options." if several > 1 else "is not in the grid."
            yield (
                at,
                f"baseline {axis} '{brief(word)}' {what}{_new_value(axis, word, choices) or choose(word, choices)}",
            )


def _new_value(axis: str, word: str, choices: Collection[str]) -> str:
    """A sentence with the new name, if a value of an axis was renamed; else ""."""
    try:
        return new_name(axis, word, choices) or new_name(registry_of(axis), word, choices)
    except (KeyError, TypeError):  # the values of this axis are no components
        return ""


def _in_flow_style(value: object) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_in_flow_style(child)}' for key, child in value.items())}}}"
    return str(value)


EXPERIMENT_CHECKS: tuple[Check, ...] = (
    _check_name,
    _check_folders,
    check_read_from,
    _check_runtime_stages,
    _check_paper,
    _check_seeds,
    _check_evaluate,
    _check_references,
    _check_evaluation_after,
    check_grid,
    check_arms,
    _check_baseline,
)
"""The checks of an experiment as a whole; the others are run on each cell."""
