"""Stage 0a: the vision encoder, pretrained by classification or by SigLIP, or left as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pali3kit.config.budgets import Complaint, spendable, spreadable
from pali3kit.config.memory import affordable
from pali3kit.config.offers import supervising
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import VisionPretraining
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import data_of, images_of
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig, named
from pali3kit.plan.step import Step
from pali3kit.types import Named

# What only one arm of the pretraining reads: it must not rerun the other.
ARM_FIELDS = {
    "classif": frozenset({"head_bias", "loss"}),
    "siglip": frozenset({"temperature", "bias", "text", "text_length"}),
}


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """An encoder for pictures of `image_size` pixels, by `pretrain`; `weights` is the digest of those that it starts
    from. What stays as it is sees no data.
    """

    pretrain: str
    vision: Named
    image_size: int
    weights: str = ""
    source: Named | None = None
    data: str = ""
    training: VisionPretraining | None = None

    def unread(self) -> Collection[str]:
        """What the other arm alone reads. The classification arm has no text tower."""
        return frozenset().union(*(each for arm, each in ARM_FIELDS.items() if arm != self.pretrain))


def _make(cell: CellSteps) -> Step:
    """The tokenizer and the text tower are SigLIP's alone."""
    experiment = cell.experiment
    source = supervising(experiment.data.source, "labels" if experiment.pretrain == "classif" else "texts")
    vision, pretrained = experiment.model.vision, experiment.pretrain in ARM_FIELDS
    config = Config(
        pretrain=experiment.pretrain,
        vision=named(vision),
        image_size=experiment.model.image_size,
        weights=images_of(vision),
        source=named(source) if pretrained else None,
        data=data_of(source) if pretrained else "",
        training=experiment.stages.vision if pretrained else None,
    )
    parents = {"tokenizer": cell.step("tokenizer")} if experiment.pretrain == "siglip" else {}
    return cell.new("vision", config, **parents)


def _check(cell: Experiment) -> Iterator[Complaint]:
    section = cell.stages.vision
    yield from spendable("vision", section)
    yield from spreadable(cell, "vision", section)
    if cell.pretrain in ARM_FIELDS:
        yield from affordable(cell, "vision", section.optimizer, "vision")


def _panel(step: Step) -> str:
    """The losses of the arms have different units."""
    return str(step.plain["pretrain"])


KIND = StageKind(
    name="vision",
    summary="pretrain the ViT by classification or with SigLIP, or leave it random",
    version=2,
    make=_make,
    check=_check,
    seconds=0.008,
    seeded=True,
    spread=True,
    recomputes=True,
    stage="0a",
    panel=_panel,
)
