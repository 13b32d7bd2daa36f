"""A step: one run of a stage, identified by a digest of everything that determines its result.

The digest covers the version of the stage's code, its configuration, its seed, its data and its parents' digests, and
nothing else. So steps of equal digests are the same work, and changing an option reruns only what depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pali3kit.catalogue import STAGE
from pali3kit.config.digest import digest
from pali3kit.plan.plain import StageConfig
from pali3kit.types import Json


@dataclass(frozen=True, eq=False)
class Step:
    """One run of a stage. `config` is of its kind's class; `parents` maps roles to steps; `label` is for people."""

    kind: str
    label: str
    config: StageConfig
    seed: int = 0
    parents: Mapping[str, Step] = field(default_factory=dict)

    @cached_property
    def plain(self) -> Mapping[str, Json]:
        """The configuration as plain JSON."""
        return self.config.plain()

    @cached_property
    def digest(self) -> str:
        """sha256 of the canonical JSON of everything that determines the result, 64 hex digits."""
        return digest(
            {
                "kind": self.kind,
                "version": self.version,
                "config": dict(self.plain),
                "seed": self.seed,
                "parents": {role: parent.digest for role, parent in self.parents.items()},
            }
        )

    @property
    def version(self) -> int:
        """The version of the stage's code."""
        return STAGE.find(self.kind).version

    @property
    def name(self) -> str:
        """The artifact's folder name: the kind and 12 digits of the digest."""
        return f"{self.kind}-{self.digest[:12]}"


def ancestry(steps: Iterable[Step]) -> list[Step]:
    """The steps and all their ancestors, each digest once, parents before children."""
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
    """For each digest, the cost of the most expensive chain from that step to a last one, both included.

    `steps` come parents first; `cost` maps digests to seconds. Running the longest chain first is a list schedule: it
    takes at most 2 - 1/m times the optimum on m workers (Graham, 1969).
    """
    longest: dict[str, float] = {}
    for step in reversed(list(steps)):
        longest[step.digest] = longest.get(step.digest, 0.0) + cost[step.digest]
        for parent in step.parents.values():
            longest[parent.digest] = max(longest.get(parent.digest, 0.0), longest[step.digest])
    return longest
