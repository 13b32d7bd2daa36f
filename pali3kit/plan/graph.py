"""The graph of steps of an experiment: every point of the grid with every seed, over shared and labelled steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.encoder import has_texts
from pali3kit.config.grid import points, resolve
from pali3kit.config.ocr import is_measured
from pali3kit.config.schema import Experiment
from pali3kit.plan.cell import CellSteps, GridCell
from pali3kit.plan.step import Step, ancestry


@dataclass(frozen=True)
class Graph:
    """All cells of an experiment in the order of the grid, seeds innermost."""

    cells: list[GridCell]

    @cached_property
    def steps(self) -> list[Step]:
        """All steps, each once, parents before children."""
        return ancestry(step for cell in self.cells for step in cell.columns.values())

    def missing(self, there: Callable[[Step], bool], also: Iterable[Step] = ()) -> list[Step]:
        """The steps that must be made, parents first: those that measure a column, those of `also`, and what these
        need, as far as they are not `there`. Nothing needs a step if all that is computed from it is there.
        """
        wanted = {step.digest for cell in self.cells for step in cell.columns.values()}
        wanted.update(step.digest for step in also)
        missing = []
        for step in reversed(self.steps):
            if step.digest in wanted and not there(step):
                missing.append(step)
                wanted.update(parent.digest for parent in step.parents.values())
        return missing[::-1]


def build(experiment: Experiment) -> Graph:
    """Create the cells of an experiment, one for each point of the grid and each seed."""
    cells = []
    for point in points(experiment):
        variant = resolve(experiment, point)
        cells += [GridCell(point, seed, _columns(variant, seed)) for seed in experiment.seeds]
    return Graph(_label_steps(cells))


def _columns(experiment: Experiment, seed: int) -> dict[str, Step]:
    """The step that measures each benchmark in one cell."""
    cell = CellSteps(experiment, seed)
    columns = {}
    for name in experiment.evaluate:
        benchmark = BENCHMARK.find(name)
        if benchmark.generated and is_measured(experiment, benchmark):
            for after in experiment.evaluation.after:
                key = name if after == "transfer" else f"{name}@{after}"
                columns[key] = cell.step(benchmark.kind, benchmark=name, after=after)
        elif not benchmark.generated and (has_texts(experiment) or not benchmark.reads_texts):
            columns[name] = cell.step(benchmark.kind)
    return columns


def _label_steps(cells: list[GridCell]) -> list[GridCell]:
    """Label every step by its kind and by what distinguishes it from the other steps of that kind.

    The label of a step that several cells share has only the values that these cells have in common.
    """
    short = shortened([cell.point for cell in cells])
    marks = [
        {**{key: _mark(key, value_label(value)) for key, value in short(cell.point).items()}, "": f"seed {cell.seed}"}
        for cell in cells
    ]
    varying = [key for key in (marks[0] if marks else ()) if len({mark[key] for mark in marks}) > 1]
    owners: dict[str, list[dict[str, str]]] = {}
    for cell, mark in zip(cells, marks, strict=True):
        for step in ancestry(cell.columns.values()):
            owners.setdefault(step.digest, []).append(mark)
    renamed: dict[str, Step] = {}

    def rename(step: Step) -> Step:
        if step.digest not in renamed:
            shared = [{mark[key] for mark in owners[step.digest]} for key in varying]
            label = " ".join([_kind_and_detail(step), *(values.pop() for values in shared if len(values) == 1)])
            parents = {role: rename(parent) for role, parent in step.parents.items()}
            renamed[step.digest] = replace(step, label=label, parents=parents)
        return renamed[step.digest]

    return [replace(cell, columns={name: rename(step) for name, step in cell.columns.items()}) for cell in cells]


def _mark(key: str, text: str) -> str:
    """A value of an axis in labels: a stage's own seed must not look like the run's."""
    return f"{axis_label(key)} {text}" if key.endswith(".seed") else text


def axis_label(key: str) -> str:
    """The last word of an axis, and of a seed what it is of: `image_size`, `vision seed`."""
    return " ".join(key.split(".")[-2:]) if key.endswith(".seed") else key.rpartition(".")[2]


def shortened(points: Iterable[Mapping[str, object]]) -> Callable[[Mapping[str, object]], dict[str, object]]:
    """How `points` of a grid are shown: a component with those options alone in which others of its name differ.

    What is shown of two points differs if they do.
    """
    named: dict[tuple[str, object], list[Mapping[str, object]]] = defaultdict(list)
    for point in points:
        for key, value in point.items():
            component = value if isinstance(value, Mapping) else {"name": value}  # a name alone has no options
            named[key, str(component.get("name"))].append(component)

    def short(key: str, value: object) -> object:
        if not isinstance(value, Mapping) or "name" not in value:
            return value
        others = named[key, str(value["name"])]
        differing = {
            option for option in value for other in others if option not in other or other[option] != value[option]
        }
        return {option: own for option, own in value.items() if option in {"name", *differing}}

    return lambda point: {key: short(key, value) for key, value in point.items()}


def _kind_and_detail(step: Step) -> str:
    """The kind of a step and its detail: `transfer/vqa`, `features/train@448`."""
    detail = STAGE.find(step.kind).detail(step)
    return f"{step.kind}/{detail}" if detail else step.kind


def value_label(value: object) -> str:
    """A grid value as text: a component as its name and options, any other value as in YAML."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, Mapping) or "name" not in value:
        return str(getattr(value, "name", value))
    options = ", ".join(f"{key} {value_label(option)}" for key, option in value.items() if key != "name")
    return f"{value['name']} ({options})" if options else str(value["name"])
