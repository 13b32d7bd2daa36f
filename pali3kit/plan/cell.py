"""A cell of an experiment: one point of the grid with one seed, and how its steps are made."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pali3kit.catalogue import STAGE
from pali3kit.config.schema import Experiment
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step

Options = TypeVar("Options")


@dataclass(frozen=True)
class Cell:
    """One point of the grid with one seed. `columns` leads from a benchmark's name to the step that measures it.

    A benchmark measured on the multimodal model, before any transfer, is called `<benchmark>@multimodal`.
    """

    point: Mapping[str, object]
    seed: int
    columns: Mapping[str, Step]


class CellSteps:
    """The steps of one cell. Each kind of stage makes its own, and asks for its parents by name: `step("vision")`."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self.experiment, self.seed = experiment, seed
        self._made: dict[tuple[object, ...], Step] = {}

    def step(self, kind: str, /, **which: Hashable) -> Step:
        """The step of a kind; `which` tells several of one kind apart (`split`, `task`). Asked for again, the same."""
        key = (kind, *sorted(which.items()))
        if key not in self._made:
            self._made[key] = STAGE.find(kind).make(self, **which)
        return self._made[key]

    def options(self, kind: str, declared: type[Options]) -> Options:
        """The section of `stages` of a plug-in's kind, which is no field of `Stages` that a type checker knows."""
        options = getattr(self.experiment.stages, kind)
        assert isinstance(options, declared)
        return options

    def new(self, kind: str, config: StageConfig, /, **parents: Step) -> Step:
        """A step of this cell; kinds that draw nothing at random are the same for all seeds."""
        return Step(kind, kind, config, self.seed if STAGE.find(kind).seeded else 0, parents)
