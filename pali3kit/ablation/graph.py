"""From an experiment to a graph of stages: the grid times the seeds, over shared nodes."""

from __future__ import annotations

from pali3kit.ablation.labels import labelled
from pali3kit.ablation.node import Cell, Graph, Node
from pali3kit.ablation.slices import columns
from pali3kit.config.grid import points, resolve
from pali3kit.config.schema import Experiment

__all__ = ["Cell", "Graph", "Node", "build"]


def build(experiment: Experiment) -> Graph:
    """Expand the grid times the seeds into cells over shared nodes."""
    cells = []
    for point in points(experiment):
        variant = resolve(experiment, point)
        cells += [Cell(point, seed, columns(variant, seed)) for seed in experiment.seeds]
    return Graph(labelled(cells))
