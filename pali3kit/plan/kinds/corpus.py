"""The corpus: the source's text as one array of token ids, on which the language model is pretrained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import source_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.step import Step
from pali3kit.types import Json, Named


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The text of a `source`, with box coordinates in `bins` values, up to `limit` tokens."""

    source: Named
    data: str = ""
    bins: int
    limit: int


def _make(cell: CellSteps) -> Step:
    """All seeds of the language model read the same text, in the order of seed 0."""
    training, source = cell.experiment.stages.language, cell.experiment.data.source
    config = Config(
        source=component_json(source),
        data=source_digest(source),
        bins=cell.experiment.tokenizer.bins,
        limit=training.length * training.examples,
    )
    return cell.new("corpus", config, tokenizer=cell.step("tokenizer"))


def _units(step: Step) -> int:
    """Tokens at most: how many the source has is known only after reading it."""
    return max(1, int(str(step.plain["limit"])))


def _costs(step: Step) -> Mapping[str, Json]:
    return {"source": step.plain["source"], "bins": step.plain["bins"]}


KIND = StageKind(
    name="corpus",
    summary="tokenize the source's text once, for the language model's pretraining",
    version=1,
    make=_make,
    units=_units,
    costs=_costs,
    seconds=2e-5,
)
