"""LiT: a text tower trained to match the frozen encoder, on pairs in the source's languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from pali3kit.config.budgets import Complaint, reads_texts, spendable, spreadable
from pali3kit.config.memory import affordable
from pali3kit.config.offers import supervising
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Lit
from pali3kit.config.supply import paired
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import SourceConfig, source_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(SourceConfig):
    """Texts of `text_length` tokens."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"source"})

    text_length: int
    training: Lit


def _make(cell: CellSteps) -> Step:
    """By default the text tower and its bias are those of stage 0a."""
    section, model = cell.experiment.stages.lit, cell.experiment.model
    pretraining = cell.experiment.stages.vision
    training = replace(
        section,
        text=section.text or pretraining.text,
        bias=pretraining.bias if section.bias is None else section.bias,
    )
    source = supervising(section.source or cell.experiment.data.source, "texts")
    config = Config(**source_fields(source, model.image_size), text_length=pretraining.text_length, training=training)
    return cell.new("lit", config, vision=cell.step("vision"), tokenizer=cell.step("tokenizer"))


def _check(cell: Experiment) -> Iterator[Complaint]:
    if _needs_lit(cell):
        section = cell.stages.lit
        yield from spendable("lit", section, needed_by=reads_texts(cell)[0])
        yield from paired(cell)
        yield from spreadable(cell, "lit", section)
        yield from affordable(cell, "lit", section.optimizer, "text")


def _needs_lit(cell: Experiment) -> bool:
    """Whether a text tower is tuned for the frozen encoder: texts are read, and by no tower that there is."""
    return bool(reads_texts(cell)) and cell.model.towers is None and cell.evaluation.texts == "lit"


KIND = StageKind(
    name="lit",
    summary="train a text tower for the frozen encoder (LiT)",
    version=1,
    make=_make,
    check=_check,
    seconds=0.003,
    seeded=True,
    spread=True,
    recomputes=True,
)
