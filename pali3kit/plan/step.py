"""A stage to be run, named by a digest of everything that determines its result.

The digest covers the version of the stage's code, its slice of the experiment, its seed, its data, and its parents'
digests, and nothing else: an option of one arm reruns only what depends on it, and equal digests are the same work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pali3kit.config.digest import digest

# Raise a kind's number when its stage's code changes results: older artifacts are then made anew.
STAGE_VERSION: dict[str, int] = {
    "tokenizer": 1,
    "vision": 2,
    "masks": 1,
    "language": 2,
    "features": 2,
    "multimodal": 2,
    "resolution": 1,
    "transfer": 2,
    "lit": 1,
    "embed": 1,
    "probe": 3,
    "knn": 1,
    "linear": 1,
    "finetune": 1,
    "classify": 1,
    "zero_shot": 1,
    "retrieval": 1,
    "denoising": 1,
    "evaluate": 2,
}


@dataclass(frozen=True, eq=False)
class Step:
    """One stage to be run. `config` is plain JSON; `parents` leads from role to step. `label` is for people."""

    kind: str
    label: str
    config: Mapping[str, Any]
    seed: int = 0
    parents: Mapping[str, Step] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """sha256 of the canonical JSON of everything that determines the result, 64 hex digits."""
        return digest(
            {
                "kind": self.kind,
                "version": STAGE_VERSION.get(self.kind, 0),
                "config": dict(self.config),
                "seed": self.seed,
                "parents": {role: parent.digest for role, parent in self.parents.items()},
            }
        )

    @property
    def name(self) -> str:
        """The artifact's folder name: the kind and 12 digits of the digest."""
        return f"{self.kind}-{self.digest[:12]}"


@dataclass(frozen=True)
class Cell:
    """One point of the grid with one seed. `columns` leads from the column's name to its evaluating step.

    A column measured on the multimodal model, before any transfer, is called `<column>@multimodal`.
    """

    point: dict[str, Any]
    seed: int
    columns: dict[str, Step]


@dataclass(frozen=True)
class Graph:
    """All cells of an experiment, in the order of the grid, seeds innermost."""

    cells: list[Cell]

    @cached_property
    def steps(self) -> list[Step]:
        """Every step once, parents before children."""
        return ancestry(step for cell in self.cells for step in cell.columns.values())


def ancestry(steps: Iterable[Step]) -> list[Step]:
    """Return `steps` and all their ancestors, each digest once, parents before children."""
    ordered: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.digest not in ordered:
            for parent in step.parents.values():
                visit(parent)
            ordered[step.digest] = step

    for step in steps:
        visit(step)
    return list(ordered.values())


def critical_path(steps: Iterable[Step], cost: Mapping[str, float]) -> dict[str, float]:
    """Return for each digest the cost of the longest chain from that step to an end, itself included.

    `steps` come parents first; `cost` leads from digest to seconds. Running the longest chain first is the classic
    list schedule: at most 2 - 1/m times the optimum on m workers (Graham, 1969).
    """
    longest: dict[str, float] = {}
    for step in reversed(list(steps)):
        longest[step.digest] = longest.get(step.digest, 0.0) + cost[step.digest]
        for parent in step.parents.values():
            longest[parent.digest] = max(longest.get(parent.digest, 0.0), longest[step.digest])
    return longest
