"""Stage 0c: the mask tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.config.budgets import KeyProblem, check_budget
from pali3kit.config.check_weights import check_exists, check_trained
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import MaskTokenizerTraining
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import component_weights_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import SourceConfig, mask_fields
from pali3kit.plan.plain import component_json
from pali3kit.plan.step import Step
from pali3kit.types import Named


@dataclass(frozen=True, kw_only=True)
class Config(SourceConfig):
    """A tokenizer trained on the objects of `task`; `weights` is the digest of its initial weights."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"source", "seed"})

    task: str = "refer"
    mask_tokenizer: Named
    weights: str = ""
    training: MaskTokenizerTraining


def _make(cell: CellSteps) -> Step:
    if cell.experiment.model.from_ is not None:
        return cell.step("saved", part="mask_tokenizer")
    part = cell.experiment.model.mask_tokenizer
    config = Config(
        **mask_fields(cell.experiment),
        mask_tokenizer=component_json(part),
        weights=component_weights_digest(part),
        training=cell.experiment.stages.mask_tokenizer,
    )
    return cell.new("mask_tokenizer", config)


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    yield from check_exists(cell.model.mask_tokenizer, "model.mask_tokenizer")
    yield from check_trained(cell.model.mask_tokenizer, "mask_tokenizer", cell.stages.mask_tokenizer.examples)
    yield from check_budget("mask_tokenizer", cell.stages.mask_tokenizer, may_be_pretrained=True)


def _detail(step: Step) -> str:
    return str(step.plain.get("task", ""))


KIND = StageKind(
    name="mask_tokenizer",
    summary="train the mask tokenizer",
    version=1,
    make=_make,
    check=_check,
    seconds=0.003,
    seeded=True,
    stage="0c",
    detail=_detail,
    panel=_detail,
)
