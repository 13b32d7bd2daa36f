"""LiT: a text tower trained to match the frozen encoder, on pairs in the source's languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from pali3kit.config.available_tasks import supervised_part
from pali3kit.config.budgets import KeyProblem, benchmarks_with_text_tower, check_budget, check_devices
from pali3kit.config.check_data import check_pairs
from pali3kit.config.memory import check_memory
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Lit
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import SourceConfig, source_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(SourceConfig):
    """The source of pairs, the length of texts in tokens, and the training settings with the tower's options."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"source"})  # of `training`: the source is a field of this class

    text_length: int
    training: Lit


def _make(cell: CellSteps) -> Step:
    """Create the step. The text tower's options and the loss's initial bias default to those of `stages.vision`."""
    section, model = cell.experiment.stages.lit, cell.experiment.model
    pretraining = cell.experiment.stages.vision
    training = replace(
        section,
        text=section.text or pretraining.text,
        bias=pretraining.bias if section.bias is None else section.bias,
    )
    source = supervised_part(section.source or cell.experiment.data.source, "texts")
    config = Config(**source_fields(source, model.image_size), text_length=pretraining.text_length, training=training)
    return cell.new("lit", config, vision=cell.step("vision"), tokenizer=cell.step("tokenizer"))


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    if _needs_lit(cell):
        section = cell.stages.lit
        yield from check_budget("lit", section, needed_by=benchmarks_with_text_tower(cell)[0])
        yield from check_pairs(cell)
        yield from check_devices(cell, "lit", section)
        yield from check_memory(cell, "lit", section.optimizer, "text")


def _needs_lit(cell: Experiment) -> bool:
    """Whether LiT is run: a benchmark needs a text tower, and neither a dual encoder nor SigLIP's own tower is used."""
    has_tower = cell.model.dual_encoder is not None or cell.evaluation.text_tower != "lit"
    return bool(benchmarks_with_text_tower(cell)) and not has_tower


KIND = StageKind(
    name="lit",
    summary="train a text tower for the frozen encoder (LiT)",
    version=2,
    make=_make,
    check=_check,
    seconds=0.003,
    seeded=True,
    distributed=True,
    gradient_checkpointing=True,
)
