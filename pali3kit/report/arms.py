"""The arms that a report compares (grid points with their evaluation steps), and the reader of their artifacts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pali3kit.config.arms import ARM, spelled_out
from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError
from pali3kit.evals.scores import Metrics, Prediction
from pali3kit.execution.store import Store
from pali3kit.plan.graph import Graph, axis_label, shortened, value_label
from pali3kit.plan.step import Step, ancestry

ARM_NAMES = {"classif": "Classif", "siglip": "SigLIP", "random": "Random", "pretrained": "Pretrained"}
TEXT_TOWER_LABELS = {"lit": "LiT-tuned", "own": ""}  # by the value of evaluation.text_tower
OCR_LABELS = {"none": "no OCR", "published": "published OCR"}  # by the value of data.ocr.words
METRICS_FILE, PREDICTIONS_FILE, CURVE_FILE = "metrics.json", "predictions.jsonl", "curve.csv"
CONFIG_FILE = "config.json"
RERUN_HINT = "Delete its folder and run the same command again"
CONTROL = "random"  # the value of `pretrain` that means untrained weights
_PRECISIONS = {"32-true": "fp32", "bf16-mixed": "bf16"}  # by Lightning's names, which manifests have
ONLY_ARM = "ours"  # the label of the only point of an empty grid


class ArtifactReader:
    """Reads the published artifacts of a store, and reports why others are missing."""

    def __init__(self, store: Store, failures: Mapping[str, str]) -> None:
        """`failures` maps the digest of a failed step to the reason."""
        self._store, self._failures = store, dict(failures)
        self._folders: dict[str, Path | None] = {}

    def folder(self, step: Step) -> Path | None:
        """The folder of a published artifact; None where it is not published, or damaged."""
        if step.digest not in self._folders:
            self._folders[step.digest] = self._find_folder(step)
        return self._folders[step.digest]

    def _find_folder(self, step: Step) -> Path | None:
        """The folder, None where it cannot be read: then the step counts as failed."""
        if not self._store.done(step):
            return None
        folder = self._store.path(step)
        try:
            _check_readable(folder)
        except DataError as error:
            self._failures[step.digest] = str(error)
            return None
        return folder

    def metrics(self, step: Step) -> Metrics:
        """The metrics of a step; empty where it has none or is not published."""
        folder = self.folder(step)
        return _read_metrics(folder) if folder else {}

    def predictions(self, step: Step) -> list[Prediction]:
        """The predictions of a step; empty where it has none or is not published."""
        folder = self.folder(step)
        return _read_predictions(folder) if folder else []

    def curve(self, step: Step) -> tuple[tuple[int, float], ...]:
        """The training steps and losses of a step; empty where it trains nothing or is not published."""
        folder = self.folder(step)
        return _read_curve(folder) if folder else ()

    def config(self, step: Step) -> dict[str, object]:
        """What an artifact tells of its models; empty where it tells nothing or is not published."""
        folder = self.folder(step)
        if folder is None or not (file := folder / CONFIG_FILE).exists():
            return {}
        with _damage_as_data_error(file):
            return dict(json.loads(file.read_bytes()))

    def skipped(self, step: Step) -> int:
        """How many samples a step could not read."""
        folder = self.folder(step)
        return len(_read_lines(folder / "skipped.txt")) if folder else 0

    def versions(self, steps: Iterable[Step]) -> dict[str, str]:
        """The versions of each library that made the published artifacts, joined by commas where they differ."""
        found: dict[str, set[str]] = {}
        for step in steps:
            manifest = self._store.manifest(step) if self.folder(step) else {}
            for name, version in manifest.get("versions", {}).items():
                found.setdefault(name, set()).add(str(version))
        return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}

    def machine(self, step: Step) -> str:
        """The processor or GPU that a published artifact was made on, and the precision: `NVIDIA H200, bf16`."""
        manifest = self._store.manifest(step)
        versions = manifest["versions"]
        device, precision = str(versions.get("device", "cpu")), str(versions.get("precision", "32-true"))
        chip = manifest["host"]["processor"] if device == "cpu" else device
        return f"{chip}, {_PRECISIONS.get(precision, precision)}"

    def failure(self, step: Step) -> str:
        """Why a step has no artifact: its own failure, or the first among its ancestors'; "" if none failed."""
        for one in ancestry([step]):
            if reason := self.own_failure(one):
                return f"{one.label}: {reason}"
        return ""

    def own_failure(self, step: Step) -> str:
        """Why the step itself failed, or ""; with STORE for the store's path, so that equal runs give equal reports."""
        reason = "" if self.folder(step) is not None else self._failures.get(step.digest, "")
        return reason.replace(str(self._store.root.resolve()), "STORE").replace(str(self._store.root), "STORE")


@dataclass(frozen=True)
class Arm:
    """One point of the grid with its evaluation steps: `steps[benchmark][seed]`.

    The key is `benchmark@stage` where a benchmark is evaluated after another stage than the transfer.
    `baseline` is the label of the arm that it is compared with, the same point with the baseline's values; "" for none.
    `settings` are the values of the point, and those that the named arm in it sets.
    """

    label: str
    point: Mapping[str, object]
    steps: Mapping[str, Mapping[int, Step]]
    baseline: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)

    def encoders(self) -> dict[int, str]:
        """The digests of its image encoders by seed; of a published dual encoder, which no stage makes, none."""
        by_seed: dict[int, list[Step]] = {}
        for steps in self.steps.values():
            for seed, step in steps.items():
                by_seed.setdefault(seed, []).append(step)
        return {seed: one.digest for seed, steps in by_seed.items() if (one := encoder_of(steps))}


def arms_of(graph: Graph, experiment: Experiment) -> list[Arm]:
    """Group the cells by grid point: each baseline, then the arms that are compared with it, the control last."""
    steps: dict[str, dict[str, dict[int, Step]]] = {}
    points: dict[str, Mapping[str, object]] = {}
    short = shortened([cell.point for cell in graph.cells])
    for cell in graph.cells:
        label = label_of(short(cell.point))
        points[label] = cell.point
        by_benchmark = steps.setdefault(label, {})
        for name, step in cell.columns.items():
            by_benchmark.setdefault(name, {})[cell.seed] = step
    arms = []
    for label, point in points.items():
        partner = label_of(short({**point, **{key: experiment.baseline.get(key, point[key]) for key in point}}))
        baseline = partner if partner != label and partner in points else ""
        arms.append(Arm(label, point, steps[label], baseline, spelled_out(point, experiment.arms)))
    order = list(points)

    def sort_key(arm: Arm) -> tuple[int, bool, bool]:
        return order.index(arm.baseline or arm.label), bool(arm.baseline), arm.settings.get("pretrain") == CONTROL

    return sorted(arms, key=sort_key)


def control_of(arm: Arm, arms: Sequence[Arm]) -> str:
    """The label of the same arm with random weights, to which what pretraining alone reads is nothing; "" where there
    is none.
    """
    if arm.settings.get("pretrain", CONTROL) == CONTROL:
        return ""
    controls = (other for other in arms if other.settings.get("pretrain") == CONTROL)
    return next((other.label for other in controls if _beside_weights(other) == _beside_weights(arm)), "")


def _beside_weights(arm: Arm) -> Mapping[str, object]:
    """The settings of an arm but its name and those of pretraining, whose seed random weights have too."""
    return {
        key: value
        for key, value in arm.settings.items()
        if key == "stages.vision.seed" or not (key in (ARM, "pretrain") or key.startswith("stages.vision."))
    }


def encoder_of(steps: Iterable[Step]) -> Step | None:
    """The step, of those before some of a cell, that makes or copies its image encoder; None if none does."""
    return next((one for one in ancestry(steps) if one.kind == "vision" or one.plain.get("part") == "vision"), None)


def label_of(point: Mapping[str, object]) -> str:
    """The label of a grid point: `SigLIP`, `SigLIP, depth 4`; an empty grid has one point, `ours`."""
    return ", ".join(filter(None, (_value_label(key, value) for key, value in point.items()))) or ONLY_ARM


def _value_label(key: str, value: object) -> str:
    name = value_label(value)
    if key == "evaluation.text_tower" and name in TEXT_TOWER_LABELS:
        return TEXT_TOWER_LABELS[name]
    if key == "data.ocr.words":
        return OCR_LABELS.get(name, f"OCR by {name}")
    if key == ARM:
        return name
    return ARM_NAMES.get(name, name) if key == "pretrain" else f"{axis_label(key)} {name}"


def _check_readable(folder: Path) -> None:
    """Raise DataError, which names the file, where a file that reports read is damaged."""
    _read_metrics(folder)
    _read_curve(folder)
    if any("image" not in row and "images" not in row for row in _read_predictions(folder)):
        raise DataError(f"{folder / PREDICTIONS_FILE} is damaged: a line has no image. {RERUN_HINT}")


def _read_metrics(folder: Path) -> Metrics:
    """Read metrics; empty where there is no file. Raises DataError for a damaged file."""
    file = folder / METRICS_FILE
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
    """Read predictions; empty where there is no file. Raises DataError for a damaged file."""
    file = folder / PREDICTIONS_FILE
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
    """Read training steps and losses; empty where there is no file. Raises DataError for a damaged file."""
    file = folder / CURVE_FILE
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
    """Turn the exceptions that reading a damaged file can raise into a DataError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise DataError(f"{file} is damaged: {type(error).__name__}: {error}. {RERUN_HINT}") from error


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
