"""What a few numbers in a table cannot show: few-shot curves, and recall in every language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from pali3kit.report.arms import Arm, Shelf, read_json
from pali3kit.report.columns import Sets, columns_of
from pali3kit.report.model import Figure

Numbers = Mapping[str, float]


def figures(arms: Sequence[Arm], shelf: Shelf, sets: Sets) -> Iterable[Figure]:
    """The few-shot curve, and the recall at 1 of every language in both directions, as far as they were measured."""
    (probe,) = columns_of("probe", sets)
    yield from _figure("lines", probe.title, arms, shelf, "probe", lambda metrics: metrics.get("curve", {}))
    for column in columns_of("retrieval", sets):
        start = f"{column.name.partition('.')[2]}@1/"

        def by_language(metrics: Mapping[str, Any], start: str = start) -> Numbers:
            return {key.removeprefix(start): value for key, value in metrics["extra"].items() if key.startswith(start)}

        yield from _figure("bars", f"{column.title}, R@1", arms, shelf, "retrieval", by_language)


def _figure(
    kind: Literal["lines", "bars"],
    title: str,
    arms: Sequence[Arm],
    shelf: Shelf,
    column: str,
    numbers: Callable[[Mapping[str, Any]], Numbers],
) -> Iterable[Figure]:
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
        found = [numbers(read_json(folder / "metrics.json")) for step in steps if (folder := shelf.folder(step))]
        places = tuple(found[0])
        means = tuple(sum(each[place] for each in found) / len(found) for place in places)
        drawn.setdefault(places, {})[arm.label] = means
    for places, series in drawn.items():
        if len(places) > 1:
            yield Figure(kind, title, places, series)
