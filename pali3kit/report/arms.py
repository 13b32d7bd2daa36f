"""The rows of a report (grid points with their evaluation steps), and the reader of artifacts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError
from pali3kit.evals.scores import Metrics, Prediction
from pali3kit.execution.store import Store
from pali3kit.plan.graph import Graph, value_label
from pali3kit.plan.step import Step, ancestry

NAMES = {"classif": "Classif", "siglip": "SigLIP", "random": "Random", "given": "As given"}
TEXTS = {"lit": "LiT-tuned", "own": ""}  # which text tower reads the captions
MEASURED, PREDICTED, CURVE = "metrics.json", "predictions.jsonl", "curve.csv"
AGAIN = "Delete its folder and run the same command again"
CONTROL = "random"  # the value of `pretrain` that means untrained weights
UNNAMED = "ours"  # the label of the only point of an empty grid


class Shelf:
    """Reads the published artifacts of a store, and knows why others are missing."""

    def __init__(self, store: Store, failures: Mapping[str, str]) -> None:
        """`failures` leads from a step's digest to the reason of its failure."""
        self._store, self._failures = store, dict(failures)
        self._folders: dict[str, Path | None] = {}

    def folder(self, step: Step) -> Path | None:
        """The folder of a published artifact; None where it is not published, or damaged."""
        if step.digest not in self._folders:
            there = self._store.done(step) and self._is_readable(step)
            self._folders[step.digest] = self._store.path(step) if there else None
        return self._folders[step.digest]

    def _is_readable(self, step: Step) -> bool:
        """Whether the artifact can be read; else the step counts as failed, for this reason."""
        try:
            _check_readable(self._store.path(step))
        except DataError as error:
            self._failures[step.digest] = str(error)
            return False
        return True

    def metrics(self, step: Step) -> Metrics:
        """What a step measured; empty where it measures nothing or is not published."""
        folder = self.folder(step)
        return _read_metrics(folder) if folder else {}

    def predictions(self, step: Step) -> list[Prediction]:
        """What a step predicted; empty where it predicts nothing or is not published."""
        folder = self.folder(step)
        return _read_predictions(folder) if folder else []

    def curve(self, step: Step) -> tuple[tuple[int, float], ...]:
        """Steps and losses of a training; empty where nothing was trained or is published."""
        folder = self.folder(step)
        return _read_curve(folder) if folder else ()

    def skipped(self, step: Step) -> int:
        """How many samples a step could not read."""
        folder = self.folder(step)
        return len(_read_lines(folder / "skipped.txt")) if folder else 0

    def versions(self, steps: Iterable[Step]) -> dict[str, str]:
        """The library versions that the published artifacts were made with; all of them where they differ."""
        found: dict[str, set[str]] = {}
        for step in steps:
            manifest = self._store.manifest(step) if self.folder(step) else {}
            for name, version in manifest.get("versions", {}).items():
                found.setdefault(name, set()).add(str(version))
        return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}

    def failure(self, step: Step) -> str:
        """Why a step has no artifact: its own failure, or the first among its ancestors'; "" if none failed."""
        for one in ancestry([step]):
            if reason := self.own_failure(one):
                return f"{one.label}: {reason}"
        return ""

    def own_failure(self, step: Step) -> str:
        """Why the step itself failed, or "". STORE replaces the store's path, so that equal runs give equal reports."""
        reason = "" if self.folder(step) is not None else self._failures.get(step.digest, "")
        return reason.replace(str(self._store.root.resolve()), "STORE").replace(str(self._store.root), "STORE")


@dataclass(frozen=True)
class Arm:
    """One point of the grid with its evaluation steps: `steps[column][seed]`.

    `baseline` is the label of the arm that it is compared with, the same point with the baseline's values; "" for none.
    """

    label: str
    point: Mapping[str, object]
    steps: Mapping[str, Mapping[int, Step]]
    baseline: str = ""


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
    arms = []
    for label, point in points.items():
        partner = label_of({**point, **{key: value for key, value in experiment.baseline.items() if key in point}})
        arms.append(Arm(label, point, steps[label], partner if partner != label and partner in points else ""))
    order = list(points)

    def place(arm: Arm) -> tuple[int, bool, bool]:
        return order.index(arm.baseline or arm.label), bool(arm.baseline), arm.point.get("pretrain") == CONTROL

    return sorted(arms, key=place)


def label_of(point: Mapping[str, object]) -> str:
    """Name a grid point: `SigLIP`, `SigLIP, depth 4`; an empty grid has one point, `ours`."""
    return ", ".join(filter(None, (_value_label(key, value) for key, value in point.items()))) or UNNAMED


def _value_label(key: str, value: object) -> str:
    name = value_label(value)
    if key == "evaluation.texts" and name in TEXTS:
        return TEXTS[name]
    return NAMES.get(name, name) if key == "pretrain" else f"{key.rpartition('.')[2]} {name}"


def _check_readable(folder: Path) -> None:
    """Raise DataError, which names the file, where a file that reports read is damaged."""
    _read_metrics(folder)
    _read_curve(folder)
    if any("image" not in row and "images" not in row for row in _read_predictions(folder)):
        raise DataError(f"{folder / PREDICTED} is damaged: a line has no image. {AGAIN}")


def _read_metrics(folder: Path) -> Metrics:
    """Read what a step measured; nothing where it measures nothing. Raises DataError for a damaged file."""
    file = folder / MEASURED
    if not file.exists():
        return {}
    with _damage_as_data_error(file):
        metrics: Metrics = json.loads(file.read_bytes())
        for one in [metrics, *metrics.get("columns", {}).values()]:
            _require(_is_number(one.get("value", 0)), "a value is not a number")
            _require(all(map(_is_number, one.get("samples", ()))), "a sample is not a number")
        for name in ("extra", "curve"):
            _require(isinstance(metrics.get(name, {}), dict), f"{name} is not a mapping")
    return metrics


def _read_predictions(folder: Path) -> list[Prediction]:
    """Read what a step predicted; none where it predicts nothing. Raises DataError for a damaged file."""
    file = folder / PREDICTED
    with _damage_as_data_error(file):
        rows: list[Prediction] = [json.loads(line) for line in _read_lines(file)]
        for row in rows:
            numbers = row.get("images", [row.get("image", 0)])
            _require(
                isinstance(numbers, list) and all(isinstance(n, int) for n in numbers), "an image is not an integer"
            )
            _require(_is_number(row.get("score") or 0), "a score is not a number")
    return rows


def _read_curve(folder: Path) -> tuple[tuple[int, float], ...]:
    """Read steps and losses of a training; none where nothing was trained. Raises DataError for a damaged file."""
    file = folder / CURVE
    if not file.exists():
        return ()
    with _damage_as_data_error(file), file.open(newline="", encoding="utf-8") as opened:
        return tuple((int(row["step"]), float(row["loss"])) for row in csv.DictReader(opened))


def _read_lines(path: Path) -> list[str]:
    """Read the lines that are not blank; none where there is no file."""
    if not path.exists():
        return []
    # Not `splitlines`: a prediction may contain Unicode's other line ends.
    return [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]


@contextmanager
def _damage_as_data_error(file: Path) -> Iterator[None]:
    """Turn what reading a damaged file raises into a DataError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise DataError(f"{file} is damaged: {type(error).__name__}: {error}. {AGAIN}") from error


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
