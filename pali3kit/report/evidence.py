"""What stands behind the numbers: learning curves, parts of scores, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.plan.graph import Graph
from pali3kit.plan.step import Step, ancestry
from pali3kit.report.arms import NAMES, Arm, Shelf, read_curve, read_metrics
from pali3kit.report.columns import Sets
from pali3kit.report.model import Curve, Detail
from pali3kit.types import Json

LAST = "~"  # behind all stages of the paper


def details(arms: Sequence[Arm], shelf: Shelf, sets: Sets) -> Iterable[Detail]:
    """Average the numbers that the evaluators left beside each value over the seeds."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for arm in arms:
        for name, steps in arm.steps.items():
            for folder in filter(None, map(shelf.folder, steps.values())):
                for key, value in _flat(read_metrics(folder).get("extra", {})):
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


def curves(graph: Graph, arms: Sequence[Arm], shelf: Shelf) -> Iterable[Curve]:
    """Yield the learning curve of every trained step, named by the arms that use it."""
    users: dict[str, list[str]] = {}
    for arm in arms:
        for step in ancestry(step for steps in arm.steps.values() for step in steps.values()):
            users.setdefault(step.digest, []).append(arm.label)
    for step in sorted(graph.steps, key=_stage):
        folder = shelf.folder(step)
        if folder is None or not (points := read_curve(folder)):
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
