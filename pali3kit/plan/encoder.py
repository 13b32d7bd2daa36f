"""What the stages that look at an image encoder alone share: its features, and who reads texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import images_of
from pali3kit.plan.plain import StageConfig, named
from pali3kit.plan.sets import splits_tested
from pali3kit.plan.step import Step
from pali3kit.types import Named


@dataclass(frozen=True, kw_only=True)
class Reading(StageConfig):
    """Somebody's whole model, `towers`, with the digest of its `weights`; without, the towers are a parent."""

    towers: Named | None = None
    weights: str = ""


def splits_of(cell: CellSteps) -> tuple[str, ...]:
    """The test pictures of `evaluation.labelled`."""
    return splits_tested(cell.experiment.evaluation.labelled)


def labelled_features(cell: CellSteps, splits: tuple[str, ...], crop: float) -> Step:
    """The features of splits of `evaluation.labelled`."""
    return cell.step("embed", section="labelled", splits=splits, crop=crop)


def pictures(step: Step) -> int:
    """Those of the sets that it, or its parents, embed."""
    return sum(map(pictures, step.parents.values())) if "count" not in step.plain else int(str(step.plain["count"]))


class _ReadingFields(TypedDict, total=False):
    """The fields of `Reading`."""

    towers: Named
    weights: str


def whole_model(cell: CellSteps) -> _ReadingFields:
    """Somebody's whole model; nothing where the towers are trained here."""
    towers = cell.experiment.model.towers
    return {} if towers is None else {"towers": named(towers), "weights": images_of(towers)}


def readers(cell: CellSteps) -> dict[str, Step]:
    """The parents that hold the trained towers; none where somebody's whole model reads texts."""
    if cell.experiment.model.towers is not None:
        return {}
    own = cell.experiment.evaluation.texts == "own"
    return {"towers": cell.step("vision") if own else cell.step("lit"), "tokenizer": cell.step("tokenizer")}
