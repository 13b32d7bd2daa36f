"""The rows of a report: points of the grid with their evaluating steps, and how artifacts are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pali3kit.config.schema import Experiment
from pali3kit.evals.scores import Metrics, Prediction
from pali3kit.execution.store import Store
from pali3kit.plan.graph import Graph
from pali3kit.plan.labels import value_label
from pali3kit.plan.step import Step, ancestry

NAMES = {"classif": "Classif", "siglip": "SigLIP", "random": "Random", "given": "As given"}
TEXTS = {"lit": "LiT-tuned", "own": ""}  # whose text tower an encoder has
CONTROL = "random"  # the value of `pretrain` that means untrained weights


class Shelf:
    """The published artifacts of a store, and why others are not there."""

    def __init__(self, store: Store, failures: Mapping[str, str]) -> None:
        """`failures` leads from a step's digest to the reason of its failure."""
        self._store, self._failures = store, failures
        self._folders: dict[str, Path | None] = {}

    def folder(self, step: Step) -> Path | None:
        """The published folder, or None where there is none."""
        if step.digest not in self._folders:
            self._folders[step.digest] = self._store.path(step) if self._store.done(step) else None
        return self._folders[step.digest]

    def versions(self, step: Step) -> Mapping[str, object]:
        """The versions that a published artifact was made with; none of what is not published."""
        versions: Mapping[str, object] = self._store.manifest(step).get("versions", {}) if self.folder(step) else {}
        return versions

    def failure(self, step: Step) -> str:
        """Why a step has no artifact: its own failure, or the first among its ancestors'; "" if none failed."""
        for one in ancestry([step]):
            if reason := self.own_failure(one):
                return f"{one.label}: {reason}"
        return ""

    def own_failure(self, step: Step) -> str:
        """Why the step itself failed, or "". The place of the store is taken out: equal runs give equal reports."""
        reason = "" if self.folder(step) is not None else self._failures.get(step.digest, "")
        return reason.replace(str(self._store.root.resolve()), "STORE").replace(str(self._store.root), "STORE")


@dataclass(frozen=True)
class Arm:
    """One point of the grid with its evaluating steps: `steps[column][seed]`."""

    label: str
    point: Mapping[str, object]
    steps: Mapping[str, Mapping[int, Step]]


def arms_of(graph: Graph, experiment: Experiment) -> list[Arm]:
    """Group the cells by grid point: baselines come first, then what is compared with them, the control last."""
    steps: dict[str, dict[str, dict[int, Step]]] = {}
    points: dict[str, Mapping[str, object]] = {}
    for cell in graph.cells:
        label = label_of(cell.point)
        points[label] = cell.point
        columns = steps.setdefault(label, {})
        for name, step in cell.columns.items():
            columns.setdefault(name, {})[cell.seed] = step
    arms = {label: Arm(label, point, steps[label]) for label, point in points.items()}
    order = list(arms)
    partners = {label: label_of(partner_of(arm.point, experiment)) for label, arm in arms.items()}
    first = {label: order.index(partner if partner in arms else label) for label, partner in partners.items()}

    def place(arm: Arm) -> tuple[int, bool, bool]:
        return first[arm.label], partners[arm.label] != arm.label, arm.point.get("pretrain") == CONTROL

    return sorted(arms.values(), key=place)


def partner_of(point: Mapping[str, object], experiment: Experiment) -> dict[str, object]:
    """The point that `point` is compared with: the same one with the baseline's values."""
    return {**point, **{key: value for key, value in experiment.baseline.items() if key in point}}


def label_of(point: Mapping[str, object]) -> str:
    """Name a grid point: `SigLIP`, `SigLIP, depth 4`; an empty grid has one point, `ours`."""
    return ", ".join(filter(None, (_value_label(key, value) for key, value in point.items()))) or "ours"


def _value_label(key: str, value: object) -> str:
    name = value_label(value)
    if key == "evaluation.texts" and name in TEXTS:
        return TEXTS[name]
    return NAMES.get(name, name) if key == "pretrain" else f"{key.rpartition('.')[2]} {name}"


def read_metrics(folder: Path) -> Metrics:
    """Read what a step measured; nothing where it measures nothing."""
    file = folder / "metrics.json"
    metrics: Metrics = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return metrics


def read_predictions(folder: Path) -> list[Prediction]:
    """Read what a step predicted; none where it predicts nothing."""
    return [json.loads(line) for line in read_lines(folder / "predictions.jsonl")]


def read_lines(path: Path) -> list[str]:
    """Read the lines that are not blank; an absent file has none."""
    if not path.exists():
        return []
    # Not `splitlines`: a prediction may hold any of Unicode's other line ends.
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
