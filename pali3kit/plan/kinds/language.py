"""Stage 0b: the language model, pretrained on text alone with UL2's mixture of denoisers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.config.budgets import KeyProblem, check_budget, check_devices, generates_text, known_benchmarks
from pali3kit.config.memory import check_memory
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import LanguagePretraining
from pali3kit.config.vocabulary import SENTINELS
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import component_weights_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.step import Step
from pali3kit.types import Named

MEAN_SPAN, DENSITY = 3, 0.5  # of UL2's densest denoiser (paper.md §2.1)


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The model and its training on the text of its parent `corpus`; `weights` is the digest of its initial weights."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"seed"})

    language: Named
    weights: str = ""
    training: LanguagePretraining


def _make(cell: CellSteps) -> Step:
    """A model that is not trained here needs no text."""
    part, training = cell.experiment.model.language, cell.experiment.stages.language
    config = Config(language=component_json(part), weights=component_weights_digest(part), training=training)
    corpus = {"corpus": cell.step("corpus")} if training.examples else {}
    return cell.new("language", config, tokenizer=cell.step("tokenizer"), **corpus)


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    section = cell.stages.language
    yield from check_budget("language", section, may_be_pretrained=True)
    yield from _windows(cell)
    if section.examples and (generates_text(cell) or "denoising" in known_benchmarks(cell)):
        yield from check_devices(cell, "language", section)
        yield from check_memory(cell, "language", section.optimizer, "language")


def _windows(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there are enough sentinels for the spans of the densest denoiser."""
    most = int(MEAN_SPAN * (SENTINELS + 0.5) / DENSITY)
    if cell.stages.language.length > most:
        text = f"windows of {cell.stages.language.length} tokens have more spans than the {SENTINELS} sentinels"
        yield "stages.language.length", f"{text}: at most {most}"


KIND = StageKind(
    name="language",
    summary="pretrain the encoder-decoder with UL2's mixture of denoisers",
    version=3,
    make=_make,
    check=_check,
    seconds=0.007,
    seeded=True,
    distributed=True,
    microbatched=True,
    gradient_checkpointing=True,
    stage="0b",
)
