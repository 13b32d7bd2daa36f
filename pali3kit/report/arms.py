"""The rows of a report: points of the grid with their evaluating steps, and how artifacts are read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError
from pali3kit.evals.scores import Metrics, Prediction
from pali3kit.execution.store import Store
from pali3kit.plan.graph import Graph
from pali3kit.plan.labels import value_label
from pali3kit.plan.step import Step, ancestry

NAMES = {"classif": "Classif", "siglip": "SigLIP", "random": "Random", "given": "As given"}
TEXTS = {"lit": "LiT-tuned", "own": ""}  # whose text tower an encoder has
MEASURED, PREDICTED, CURVE = "metrics.json", "predictions.jsonl", "curve.csv"
AGAIN = "Delete its folder and run the same command again"
CONTROL = "random"  # the value of `pretrain` that means untrained weights


class Shelf:
    """The published artifacts of a store, and why others are not there."""

    def __init__(self, store: Store, failures: Mapping[str, str]) -> None:
        """`failures` leads from a step's digest to the reason of its failure."""
        self._store, self._failures = store, dict(failures)
        self._folders: dict[str, Path | None] = {}

    def folder(self, step: Step) -> Path | None:
        """The published folder, or None where there is none, or where what it says cannot be read."""
        if step.digest not in self._folders:
            there = self._store.done(step) and self._reads(step)
            self._folders[step.digest] = self._store.path(step) if there else None
        return self._folders[step.digest]

    def _reads(self, step: Step) -> bool:
        """Whether the artifact says something; else why not becomes the reason of a failure."""
        try:
            judge(self._store.path(step))
        except DataError as error:
            self._failures[step.digest] = str(error)
            return False
        return True

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


def judge(folder: Path) -> None:
    """Raises DataError, which names the file, where what a report shows of an artifact cannot be read."""
    read_metrics(folder)
    read_curve(folder)
    if any("image" not in row and "images" not in row for row in read_predictions(folder)):
        raise DataError(f"{folder / PREDICTED} is damaged: there is a line without the number of an image. {AGAIN}")


def read_metrics(folder: Path) -> Metrics:
    """Read what a step measured; nothing where it measures nothing. Raises DataError for a damaged file."""
    file = folder / MEASURED
    if not file.exists():
        return {}
    with _damage_told(file):
        metrics: Metrics = json.loads(file.read_bytes())
        for one in [metrics, *metrics.get("columns", {}).values()]:
            _need(_is_number(one.get("value", 0)), "a value is no number")
            _need(all(map(_is_number, one.get("samples", ()))), "a sample is no number")
        for name in ("extra", "curve"):
            _need(isinstance(metrics.get(name, {}), dict), f"{name} is no mapping")
    return metrics


def read_predictions(folder: Path) -> list[Prediction]:
    """Read what a step predicted; none where it predicts nothing. Raises DataError for a damaged file."""
    file = folder / PREDICTED
    with _damage_told(file):
        rows: list[Prediction] = [json.loads(line) for line in read_lines(file)]
        for row in rows:
            numbers = row.get("images", [row.get("image", 0)])
            _need(isinstance(numbers, list) and all(isinstance(n, int) for n in numbers), "an image has no number")
            _need(_is_number(row.get("score") or 0), "a score is no number")
    return rows


def read_curve(folder: Path) -> tuple[tuple[int, float], ...]:
    """Read steps and losses of a training; none where nothing was trained. Raises DataError for a damaged file."""
    file = folder / CURVE
    if not file.exists():
        return ()
    with _damage_told(file), file.open(newline="", encoding="utf-8") as opened:
        return tuple((int(row["step"]), float(row["loss"])) for row in csv.DictReader(opened))


def read_lines(path: Path) -> list[str]:
    """Read the lines that are not blank; an absent file has none."""
    if not path.exists():
        return []
    # Not `splitlines`: a prediction may hold any of Unicode's other line ends.
    return [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]


@contextmanager
def _damage_told(file: Path) -> Iterator[None]:
    """What reading a damaged file raises, as a DataError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise DataError(f"{file} is damaged: {type(error).__name__}: {error}. {AGAIN}") from error


def _need(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
