"""From an experiment to a graph of stages: the grid times the seeds, over shared steps."""

from __future__ import annotations

from pali3kit.config.encoder import has_texts
from pali3kit.config.grid import points, resolve
from pali3kit.config.schema import Experiment
from pali3kit.config.supply import ENCODER_COLUMNS, PRETRAINED_COLUMNS, TEXT_COLUMNS
from pali3kit.plan.encoder_slices import EncoderStages
from pali3kit.plan.labels import labelled
from pali3kit.plan.slices import Stages
from pali3kit.plan.step import Cell, Graph, Step

__all__ = ["Cell", "Graph", "Step", "build"]


def build(experiment: Experiment) -> Graph:
    """Expand the grid times the seeds into cells over shared steps."""
    cells = []
    for point in points(experiment):
        variant = resolve(experiment, point)
        cells += [Cell(point, seed, _columns(variant, seed)) for seed in experiment.seeds]
    return Graph(labelled(cells))


def _columns(experiment: Experiment, seed: int) -> dict[str, Step]:
    """Return the evaluating step of each column of one cell."""
    stages = Stages(experiment, seed)
    alone = EncoderStages(stages)
    columns = {}
    for column in experiment.evaluate:
        if column in PRETRAINED_COLUMNS:
            if column not in TEXT_COLUMNS or has_texts(experiment):
                columns[column] = getattr(alone if column in ENCODER_COLUMNS else stages, column)
            continue
        for after in experiment.evaluation.after:
            name = column if after == "transfer" else f"{column}@{after}"
            columns[name] = stages.evaluate(column, after)
    return columns
