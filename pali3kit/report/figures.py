"""What a few numbers in a table cannot show: few-shot curves, and recall in every language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pali3kit.benchmarks.benchmark import Chart
from pali3kit.catalogue import BENCHMARK
from pali3kit.evals.scores import Metrics
from pali3kit.report.arms import Arm, Shelf, read_metrics
from pali3kit.report.columns import Sets, columns_of
from pali3kit.report.model import Figure

Numbers = Mapping[str, float]


def figures(arms: Sequence[Arm], shelf: Shelf, sets: Sets) -> Iterable[Figure]:
    """What benchmarks want drawn, as far as it was measured: few-shot curves, the recall of every language."""
    for benchmark in BENCHMARK.all():
        titles = {column.part: column.title for column in columns_of(benchmark.name, sets)}
        for drawing in benchmark.charts:
            title = drawing.title.format(title=titles[drawing.part])
            yield from _figure(drawing, title, arms, shelf, benchmark.name)


def _numbers(drawing: Chart, metrics: Metrics) -> Numbers:
    """What a figure shows of the metrics of one step, by place."""
    found = metrics.get("curve", {}) if drawing.of == "curve" else metrics.get("extra", {})
    chosen = {key.removeprefix(drawing.begin): value for key, value in found.items() if key.startswith(drawing.begin)}
    return {place: value for place, value in chosen.items() if isinstance(value, float | int)}


def _figure(drawing: Chart, title: str, arms: Sequence[Arm], shelf: Shelf, column: str) -> Iterable[Figure]:
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
        found = [_numbers(drawing, read_metrics(folder)) for step in steps if (folder := shelf.folder(step))]
        places = tuple(found[0])
        means = tuple(sum(each[place] for each in found) / len(found) for place in places)
        drawn.setdefault(places, {})[arm.label] = means
    for places, series in drawn.items():
        if len(places) > 1:
            yield Figure(drawing.kind, title, places, series)
