"""What tests of `plan` ask of steps: single ones of a changed experiment, and what would run again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pali3kit.catalogue import STAGE
from pali3kit.config.component import Component
from pali3kit.config.schema import Experiment
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.graph import Graph
from pali3kit.plan.step import Step


def put(value: Any, key: str, new: Any) -> Any:
    """A dataclass, mapping or component with `new` at a dotted key."""
    head, _, rest = key.partition(".")
    if isinstance(value, Component):
        return replace(value, options=put(value.options, key, new))
    old = value.get(head) if isinstance(value, Mapping) else getattr(value, head)
    inner = put(old, rest, new) if rest else new
    return {**value, head: inner} if isinstance(value, Mapping) else replace(value, **{head: inner})


def changed(experiment: Experiment, changes: Mapping[str, Any]) -> Experiment:
    """The experiment with other values at dotted keys."""
    for key, new in changes.items():
        experiment = put(experiment, key, new)
    return experiment


def without_place(text: str) -> str:
    """A message without the working folder in which a file was looked for."""
    return text.replace(f" It was looked for in the working folder, {os.getcwd()}.", "")


def step_of(experiment: Experiment, kind: str, seed: int = 0, /, **which: Any) -> Step:
    """The step of a kind; `which` as `CellSteps.step`."""
    return CellSteps(experiment, seed).step(kind, **which)


def detail(step: Step) -> str:
    """What tells a step from others of its kind."""
    return STAGE.find(step.kind).detail(step)


def panel(step: Step) -> str:
    """What tells its learning curve from others of its kind."""
    return STAGE.find(step.kind).panel(step)


def units(step: Step) -> int:
    """Its work."""
    return STAGE.find(step.kind).units(step)


def kinds(parents: Mapping[str, Step]) -> dict[str, str]:
    """The kinds of parents, by role."""
    return {role: parent.kind for role, parent in parents.items()}


def complaints(experiment: Experiment, kind: str) -> list[tuple[str, str]]:
    """What a kind of stage finds wrong with a cell: dotted keys and texts."""
    return list(STAGE.find(kind).check(experiment))


def labels(graph: Graph) -> set[str]:
    return {step.label for step in graph.steps}


def digests(graph: Graph) -> dict[str, str]:
    return {step.label: step.digest for step in graph.steps}


def rerun(before: Graph, after: Graph) -> set[str]:
    """Labels of the steps that would run again."""
    old = set(digests(before).values())
    return {step.label for step in after.steps if step.digest not in old}


def on_classes(experiment: Experiment, **options: Any) -> Experiment:
    """The experiment with small sets of the world for all that looks at the encoder alone."""
    classes = {"objects": 8, "train": 20, "test": 10, **options}
    sets = {
        "evaluation.labelled": Component(name="world_classes", options=classes),
        "evaluation.captioned": Component(name="world_captions", options={"objects": 8, "test": 6}),
    }
    return changed(experiment, sets)
