"""The graph of steps of an experiment: every point of the grid with every seed, over shared steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.encoder import has_texts
from pali3kit.config.grid import points, resolve
from pali3kit.config.schema import Experiment
from pali3kit.plan.cell import CellSteps, GridCell
from pali3kit.plan.labels import label_steps
from pali3kit.plan.step import Step, ancestry


@dataclass(frozen=True)
class Graph:
    """All cells of an experiment in the order of the grid, seeds innermost."""

    cells: list[GridCell]

    @cached_property
    def steps(self) -> list[Step]:
        """All steps, each once, parents before children."""
        return ancestry(step for cell in self.cells for step in cell.columns.values())


def build(experiment: Experiment) -> Graph:
    """Create the cells of an experiment, one for each point of the grid and each seed."""
    cells = []
    for point in points(experiment):
        variant = resolve(experiment, point)
        cells += [GridCell(point, seed, _columns(variant, seed)) for seed in experiment.seeds]
    return Graph(label_steps(cells))


def _columns(experiment: Experiment, seed: int) -> dict[str, Step]:
    """The step that measures each benchmark in one cell."""
    cell = CellSteps(experiment, seed)
    columns = {}
    for name in experiment.evaluate:
        benchmark = BENCHMARK.find(name)
        if benchmark.generated:
            for after in experiment.evaluation.after:
                key = name if after == "transfer" else f"{name}@{after}"
                columns[key] = cell.step(benchmark.kind, benchmark=name, after=after)
        elif has_texts(experiment) or not benchmark.reads_texts:
            columns[name] = cell.step(benchmark.kind)
    return columns
