"""Evidence for the numbers: parts of scores, learning curves, figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pali3kit.benchmarks.benchmark import Chart
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.evals.scores import Metrics
from pali3kit.plan.graph import Graph
from pali3kit.plan.step import Step, ancestry
from pali3kit.report.arms import ARM_NAMES, Arm, ArtifactReader
from pali3kit.report.columns import EvaluationSets, columns_of
from pali3kit.report.model import Curve, Detail, FigureData
from pali3kit.types import Json

LAST = "~"  # sorts after all stages of the paper


def details(arms: Sequence[Arm], artifacts: ArtifactReader, sets: EvaluationSets) -> Iterable[Detail]:
    """The further numbers of `metrics.json`, as means over the seeds."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for arm in arms:
        for name, steps in arm.steps.items():
            for step in steps.values():
                for key, value in _flat(artifacts.metrics(step).get("extra", {})):
                    found.setdefault((name, key), {}).setdefault(arm.label, []).append(value)
    for (name, key), values in found.items():
        benchmark, at, after = name.partition("@")
        column = f"{sets.label(BENCHMARK.find(benchmark))}{at}{after}"
        yield Detail(column, key, {label: sum(each) / len(each) for label, each in values.items()})


def _flat(extra: Mapping[str, Json], prefix: str = "") -> Iterable[tuple[str, float]]:
    for key, value in extra.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} / ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key, float(value)


def curves(graph: Graph, arms: Sequence[Arm], artifacts: ArtifactReader) -> Iterable[Curve]:
    """Yield the learning curve of every trained step, named by the arms that use it."""
    users: dict[str, list[str]] = {}
    for arm in arms:
        for step in ancestry(step for steps in arm.steps.values() for step in steps.values()):
            users.setdefault(step.digest, []).append(arm.label)
    for step in sorted(graph.steps, key=_paper_order):
        if not (points := artifacts.curve(step)):
            continue
        shared = len(users[step.digest]) == len(arms) and len(arms) > 1
        # The losses of different kinds of pretraining have different units: each has a panel of its own.
        what = STAGE.find(step.kind).panel(step)
        label = "shared" if shared else " / ".join(users[step.digest])
        yield Curve(f"{step.kind} {ARM_NAMES.get(what, what)}".strip(), label, step.seed, points)


def _paper_order(step: Step) -> str:
    """Sort key: the order of the paper's stages, then everything else."""
    return STAGE.find(step.kind).stage or LAST


def figures(arms: Sequence[Arm], artifacts: ArtifactReader, sets: EvaluationSets) -> Iterable[FigureData]:
    """The charts that benchmarks declare, where they were measured: few-shot curves, recall by language."""
    for benchmark in BENCHMARK.all():
        titles = {column.part: column.title for column in columns_of(benchmark.name, sets)}
        for drawing in benchmark.charts:
            title = drawing.title.format(title=titles[drawing.part])
            yield from _figure(drawing, title, arms, artifacts, benchmark.name)


def _numbers(drawing: Chart, metrics: Metrics) -> Mapping[str, float]:
    """The numbers of a chart in the metrics of one step, by their place on its axis."""
    found = metrics.get(drawing.key, {})
    prefix = drawing.prefix
    chosen = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
    return {place: value for place, value in chosen.items() if isinstance(value, float | int)}


def _figure(
    drawing: Chart, title: str, arms: Sequence[Arm], artifacts: ArtifactReader, benchmark: str
) -> Iterable[FigureData]:
    """Charts of means over seeds: one for the arms that have numbers at the same places, if these are several.

    Arms that share these steps, since they differ in the text tower alone, are drawn once.
    """
    drawn: dict[tuple[str, ...], dict[str, tuple[float, ...]]] = {}
    seen: set[tuple[str, ...]] = set()
    for arm in arms:
        steps = tuple(step for step in arm.steps.get(benchmark, {}).values() if artifacts.folder(step) is not None)
        if not steps or (same := tuple(step.digest for step in steps)) in seen:
            continue
        seen.add(same)
        found = [_numbers(drawing, artifacts.metrics(step)) for step in steps]
        places = tuple(found[0])
        means = tuple(sum(each[place] for each in found) / len(found) for place in places)
        drawn.setdefault(places, {})[arm.label] = means
    for places, series in drawn.items():
        if len(places) > 1:
            yield FigureData(drawing.kind, title, places, series)
