"""Stage 0b: the language model, pretrained on text alone with UL2's mixture of denoisers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pali3kit.config.budgets import Complaint, spendable, windows
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import LanguagePretraining
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import source_digest, weights_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.step import Step
from pali3kit.types import Named


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The text of a `source`, with box coordinates in `bins` values, and the model; `weights` is the digest of its
    initial weights.
    """

    source: Named
    data: str = ""
    bins: int
    language: Named
    weights: str = ""
    training: LanguagePretraining


def _make(cell: CellSteps) -> Step:
    part, source = cell.experiment.model.language, cell.experiment.data.source
    config = Config(
        source=component_json(source),
        data=source_digest(source),
        bins=cell.experiment.tokenizer.bins,
        language=component_json(part),
        weights=weights_digest(part),
        training=cell.experiment.stages.language,
    )
    return cell.new("language", config, tokenizer=cell.step("tokenizer"))


def _check(cell: Experiment) -> Iterator[Complaint]:
    yield from spendable("language", cell.stages.language, given=True)
    yield from windows(cell)


KIND = StageKind(
    name="language",
    summary="pretrain the encoder-decoder with UL2's mixture of denoisers",
    version=2,
    make=_make,
    check=_check,
    seconds=0.007,
    seeded=True,
    recomputes=True,
    stage="0b",
)
