"""A cell of an experiment: one point of the grid with one seed, and the creation of its steps."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pali3kit.catalogue import STAGE
from pali3kit.config.budgets import recipe_of
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Pretraining
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step

Options = TypeVar("Options")


@dataclass(frozen=True)
class GridCell:
    """One point of the grid with one seed. `columns` maps the name of each benchmark to the step that measures it.

    The name is `<benchmark>@multimodal` if it is measured after stage 1, before any transfer.
    """

    point: Mapping[str, object]
    seed: int
    columns: Mapping[str, Step]


class CellSteps:
    """The steps of one cell. Each kind of stage creates its own, and requests its parents by name: `step("vision")`."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self.experiment, self.seed = experiment, seed
        self._made: dict[tuple[object, ...], Step] = {}

    def step(self, kind: str, /, **which: Hashable) -> Step:
        """The step of a kind, created once. `which` distinguishes several steps of one kind (`split`, `task`)."""
        key = (kind, *sorted(which.items()))
        if key not in self._made:
            self._made[key] = STAGE.find(kind).make(self, **which)
        return self._made[key]

    def options(self, kind: str, declared: type[Options]) -> Options:
        """The section of `stages` for a plug-in's kind, with its type: it is no declared field of `Stages`."""
        options = getattr(self.experiment.stages, kind)
        assert isinstance(options, declared)
        return options

    def new(self, kind: str, config: StageConfig, /, **parents: Step) -> Step:
        """A new step of this cell. Steps of kinds without randomness, or with a seed of their own, are shared by all
        seeds.
        """
        return Step(kind, kind, config, self._seed(kind) if STAGE.find(kind).seeded else 0, parents)

    def _seed(self, kind: str) -> int:
        """The seed of a kind of stage: its own in `stages`, or the run's."""
        section = getattr(self.experiment.stages, kind, None)
        own = section.seed if isinstance(section, Pretraining) else None  # a plug-in's `seed` may mean something else
        return self.seed if own is None else own

    def inputs(self, split: str, regions: bool, tuned: Step | None = None, benchmark: str = "") -> dict[str, Step]:
        """The parents of every stage on a frozen encoder: its stored features or the encoder itself, and tokenizers.

        Features are of the images that `plan.pali.image_set_of` has for the benchmark.
        """
        if self.experiment.data.cache:
            images = {"features": self.step("features", split=split, tuned=tuned, benchmark=benchmark)}
        else:
            images = {"vision": tuned or self.step("vision")}
        return {**images, **self.tokenizers(regions)}

    def tokenizers(self, regions: bool) -> dict[str, Step]:
        """The text tokenizer, and the mask tokenizer if regions are read or written."""
        return {
            "tokenizer": self.step("tokenizer"),
            **({"mask_tokenizer": self.step("mask_tokenizer")} if regions else {}),
        }

    def tuned_step(self, transfer: str) -> Step | None:
        """The last step of stage 2 at the image size of the transfer of a benchmark, None if there is none."""
        section, steps = self.experiment.stages.transfer, self.experiment.stages.resolution.steps
        size = recipe_of(section, transfer).image_size or section.image_size
        tuned = [self.step("resolution", number=number) for number in range(len(steps))]
        return next((step for step in reversed(tuned) if size in (None, step.plain["image_size"])), None)

    def start_step(self, transfer: str) -> Step | None:
        """The step of stage 2 from which the transfer of a benchmark starts, None if it starts from stage 1."""
        return self.tuned_step(transfer) if self.experiment.stages.transfer.start == "resolution" else None
