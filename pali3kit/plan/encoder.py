"""What the stages on the image encoder alone share: features of sets, and dual encoders for those that read texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import image_weights_digest
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.sets import open_labelled
from pali3kit.plan.step import Step
from pali3kit.types import Named


@dataclass(frozen=True, kw_only=True)
class DualEncoderConfig(StageConfig):
    """A published dual encoder, `dual_encoder`, with the digest of its `weights`. Without it, the trained one is a
    parent.
    """

    dual_encoder: Named | None = None
    weights: str = ""


def labelled_test_splits(cell: CellSteps) -> tuple[str, ...]:
    """The test splits of `evaluation.labelled`; ImageNet may have `v2` beside `test`."""
    return ("test", "v2") if open_labelled(cell.experiment.evaluation.labelled).size("v2") else ("test",)


def labelled_features(cell: CellSteps, splits: tuple[str, ...], crop: float) -> Step:
    """The step that computes the features of some splits of `evaluation.labelled`, with a central crop."""
    return cell.step("embed", section="labelled", splits=splits, crop=crop)


def count_images(step: Step) -> int:
    """The number of images that a step, or its parents, embed."""
    return sum(map(count_images, step.parents.values())) if "count" not in step.plain else int(str(step.plain["count"]))


class _DualEncoderFields(TypedDict, total=False):
    """The fields of `DualEncoderConfig`."""

    dual_encoder: Named
    weights: str


def dual_encoder_fields(cell: CellSteps) -> _DualEncoderFields:
    """The published dual encoder of an experiment; {} if its own one is trained."""
    model = cell.experiment.model.dual_encoder
    return {} if model is None else {"dual_encoder": component_json(model), "weights": image_weights_digest(model)}


def dual_encoder_steps(cell: CellSteps) -> dict[str, Step]:
    """The parents that hold the trained dual encoder and its tokenizer; {} with a published one."""
    if cell.experiment.model.dual_encoder is not None:
        return {}
    own = cell.experiment.evaluation.text_tower == "own"
    return {"dual_encoder": cell.step("vision") if own else cell.step("lit"), "tokenizer": cell.step("tokenizer")}
