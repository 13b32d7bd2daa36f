"""What stands behind the numbers: parts of scores, learning curves, figures, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pali3kit.benchmarks.benchmark import Figure
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.evals.scores import Metrics
from pali3kit.plan.graph import Graph
from pali3kit.plan.step import Step, ancestry
from pali3kit.report.arms import NAMES, Arm, Shelf
from pali3kit.report.columns import Sets, columns_of
from pali3kit.report.model import Curve, Detail, FigureData
from pali3kit.types import Json

LAST = "~"  # behind all stages of the paper


def details(arms: Sequence[Arm], shelf: Shelf) -> Iterable[Detail]:
    """Average the numbers that the evaluators left beside each value over the seeds."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for arm in arms:
        for name, steps in arm.steps.items():
            for step in steps.values():
                for key, value in _flat(shelf.metrics(step).get("extra", {})):
                    found.setdefault((name, key), {}).setdefault(arm.label, []).append(value)
    for (name, key), values in found.items():
        yield Detail(name, key, {label: sum(each) / len(each) for label, each in values.items()})


def _flat(extra: Mapping[str, Json], prefix: str = "") -> Iterable[tuple[str, float]]:
    for key, value in extra.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} / ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key, float(value)


def curves(graph: Graph, arms: Sequence[Arm], shelf: Shelf) -> Iterable[Curve]:
    """Yield the learning curve of every trained step, named by the arms that use it."""
    users: dict[str, list[str]] = {}
    for arm in arms:
        for step in ancestry(step for steps in arm.steps.values() for step in steps.values()):
            users.setdefault(step.digest, []).append(arm.label)
    for step in sorted(graph.steps, key=_stage):
        if not (points := shelf.curve(step)):
            continue
        shared = len(users[step.digest]) == len(arms) and len(arms) > 1
        # The losses of different kinds of pretraining have different units: each has a panel of its own.
        what = STAGE.find(step.kind).panel(step)
        label = "shared" if shared else " / ".join(users[step.digest])
        yield Curve(f"{step.kind} {NAMES.get(what, what)}".strip(), label, step.seed, points)


def _stage(step: Step) -> str:
    """In the order of the paper; what is none of its stages comes last."""
    return STAGE.find(step.kind).stage or LAST


def versions(graph: Graph, shelf: Shelf) -> dict[str, str]:
    """The versions that the artifacts were made with; several are listed where they differ."""
    found: dict[str, set[str]] = {}
    for step in graph.steps:
        for name, version in shelf.versions(step).items():
            found.setdefault(name, set()).add(str(version))
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}


def figures(arms: Sequence[Arm], shelf: Shelf, sets: Sets) -> Iterable[FigureData]:
    """What benchmarks want drawn, as far as it was measured: few-shot curves, the recall of every language."""
    for benchmark in BENCHMARK.all():
        titles = {column.name.partition(".")[2]: column.title for column in columns_of(benchmark.name, sets)}
        for drawing in benchmark.figures:
            title = drawing.title.format(title=titles[drawing.part])
            yield from _figure(drawing, title, arms, shelf, benchmark.name)


def _numbers(drawing: Figure, metrics: Metrics) -> Mapping[str, float]:
    """What a figure shows of the metrics of one step, by place."""
    found = metrics.get("curve", {}) if drawing.of == "curve" else metrics.get("extra", {})
    chosen = {key.removeprefix(drawing.begin): value for key, value in found.items() if key.startswith(drawing.begin)}
    return {place: value for place, value in chosen.items() if isinstance(value, float | int)}


def _figure(drawing: Figure, title: str, arms: Sequence[Arm], shelf: Shelf, column: str) -> Iterable[FigureData]:
    """A figure of means over seeds for all arms that have numbers at the same places, if these are several.

    Of arms that share what was measured, as those that differ in texts alone do, the first is drawn.
    """
    drawn: dict[tuple[str, ...], dict[str, tuple[float, ...]]] = {}
    seen: set[tuple[str, ...]] = set()
    for arm in arms:
        steps = tuple(step for step in arm.steps.get(column, {}).values() if shelf.folder(step) is not None)
        if not steps or (same := tuple(step.digest for step in steps)) in seen:
            continue
        seen.add(same)
        found = [_numbers(drawing, shelf.metrics(step)) for step in steps]
        places = tuple(found[0])
        means = tuple(sum(each[place] for each in found) / len(found) for place in places)
        drawn.setdefault(places, {})[arm.label] = means
    for places, series in drawn.items():
        if len(places) > 1:
            yield FigureData(drawing.kind, title, places, series)
