"""Stage 0a: the vision encoder, pretrained by classification or SigLIP, or left untrained."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pali3kit.config.available_tasks import Supervision, supervised_part
from pali3kit.config.budgets import KeyProblem, check_budget, check_devices
from pali3kit.config.component import Component
from pali3kit.config.memory import check_memory
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import VisionPretraining
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import image_weights_digest, source_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.step import Step
from pali3kit.types import Named

# The fields that only one method of pretraining reads, and that therefore must not rerun the other.
ARM_FIELDS = {
    "classif": frozenset({"head_bias", "loss"}),
    "siglip": frozenset({"temperature", "bias", "text", "text_length"}),
}

ENCODER_SIZE = "encoder_size"  # in an artifact's config.json; earlier ones have `size`, which counts pooling

UNREAD = frozenset({"source", "seed"})  # the source is a field of `Config`, the seed one of the step


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """An encoder for images of `image_size` pixels, pretrained by the method `pretrain`; `weights` is the digest of its
    initial weights. Without pretraining there is no data.
    """

    pretrain: str
    vision: Named
    image_size: int
    weights: str = ""
    source: Named | None = None
    data: str = ""
    training: VisionPretraining | None = None

    def unread(self) -> Collection[str]:
        """The fields that only the other methods read; classification, for instance, has no text tower."""
        return UNREAD.union(*(each for arm, each in ARM_FIELDS.items() if arm != self.pretrain))


def _make(cell: CellSteps) -> Step:
    """Only SigLIP needs the tokenizer."""
    if cell.experiment.model.from_ is not None:
        return cell.step("saved", part="vision")
    experiment = cell.experiment
    source = _source(experiment)
    vision, pretrained = experiment.model.vision, experiment.pretrain in ARM_FIELDS
    config = Config(
        pretrain=experiment.pretrain,
        vision=component_json(vision),
        image_size=experiment.model.image_size,
        weights=image_weights_digest(vision),
        source=component_json(source) if pretrained else None,
        data=source_digest(source) if pretrained else "",
        training=experiment.stages.vision if pretrained else None,
    )
    parents = {"tokenizer": cell.step("tokenizer")} if experiment.pretrain == "siglip" else {}
    return cell.new("vision", config, **parents)


def _source(experiment: Experiment) -> Component:
    """The images, as far as they have what the method reads: labels or texts."""
    supervision: Supervision = "labels" if experiment.pretrain == "classif" else "texts"
    return supervised_part(experiment.stages.vision.source or experiment.data.source, supervision)


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    section = cell.stages.vision
    yield from check_budget("vision", section)
    yield from check_devices(cell, "vision", section)
    if cell.pretrain in ARM_FIELDS:
        yield from check_memory(cell, "vision", section.optimizer, "vision")


def _panel(step: Step) -> str:
    """The methods have losses of different units."""
    return str(step.plain["pretrain"])


KIND = StageKind(
    name="vision",
    summary="pretrain the ViT by classification or with SigLIP, or leave it random",
    version=4,
    make=_make,
    check=_check,
    seconds=0.008,
    seeded=True,
    distributed=True,
    gradient_checkpointing=True,
    stage="0a",
    panel=_panel,
)
