"""From an experiment to a graph of stages: the grid times the seeds, over shared nodes."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from pali3kit.ablation.labels import labelled
from pali3kit.ablation.node import Cell, Graph, Node
from pali3kit.ablation.slices import columns
from pali3kit.config.schema import Experiment, Part

__all__ = ["Cell", "Graph", "Node", "build", "with_values"]


def build(experiment: Experiment) -> Graph:
    """Expand the grid times the seeds into cells over shared nodes."""
    cells = []
    for values in itertools.product(*experiment.grid.values()):
        point = dict(zip(experiment.grid, values, strict=True))
        variant = with_values(experiment, point)
        cells += [Cell(point, seed, columns(variant, seed)) for seed in experiment.seeds]
    return Graph(labelled(cells))


def with_values(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """Return a copy of `experiment` with dotted keys set: `{"pretrain": "siglip", "model.vision.depth": 4}`.

    The keys are those that `config.load` has already checked. A part replaces the part; a mapping
    given for any other section changes only the keys that it names.
    """
    variant = copy.deepcopy(experiment)
    for key, value in values.items():
        *path, last = key.split(".")
        owner: Any = variant
        for step in path:
            owner = _get(owner, step)
        _set(owner, last, copy.deepcopy(value))
    return variant


def _get(owner: Any, name: str) -> Any:
    if isinstance(owner, Part) and name != "name":
        return owner.options[name]
    return owner[name] if isinstance(owner, dict) else getattr(owner, name)


def _set(owner: Any, name: str, value: Any) -> None:
    if isinstance(owner, Part) and name != "name":
        owner.options[name] = value
    elif isinstance(owner, dict):
        owner[name] = value
    elif isinstance(section := getattr(owner, name), Part):
        setattr(owner, name, _as_part(value))
    elif is_dataclass(section) and isinstance(value, Mapping):
        for key, inner in value.items():
            _set(section, key, inner)
    else:
        setattr(owner, name, value)


def _as_part(value: Any) -> Part:
    if isinstance(value, Part):
        return value
    if isinstance(value, str):
        return Part(name=value)
    return Part(name=value["name"], options={key: option for key, option in value.items() if key != "name"})
