"""The frozen encoder's pooled features of a set, computed once for all evaluations of the encoder alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pali3kit.config.encoder import probe_sets
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import DualEncoderConfig, dual_encoder_fields
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.sets import ImageSetConfig, ImageSetFields, captioned_fields, labelled_fields
from pali3kit.plan.step import Step
from pali3kit.types import Json


@dataclass(frozen=True, kw_only=True)
class Config(ImageSetConfig, DualEncoderConfig):
    """Features of the encoder of a parent, or of a published dual encoder, or the logits of a classifier. `crop` is the
    side of the central crop relative to the image.
    """

    splits: tuple[str, ...]
    crop: float


def _make(
    cell: CellSteps,
    section: str,
    splits: tuple[str, ...],
    crop: float = 1.0,
    name: str = "",
    classifier: Step | None = None,
) -> Step:
    """Features of the set in a section of `evaluation`, of the probe `name`; with a `classifier`, its logits."""
    images = _image_set(cell, section, splits, name, larger=classifier is not None)
    if classifier is not None:
        return cell.new("embed", Config(**images, splits=splits, crop=crop), classifier=classifier)
    model = dual_encoder_fields(cell)
    parents = {} if model else {"vision": cell.step("vision")}
    return cell.new("embed", Config(**images, **model, splits=splits, crop=crop), **parents)


def _image_set(cell: CellSteps, section: str, splits: tuple[str, ...], name: str, larger: bool) -> ImageSetFields:
    """The set of a section; for a fine-tuned encoder, at the image size of its fine-tuning."""
    evaluation, size = cell.experiment.evaluation, cell.experiment.model.image_size
    if section == "captioned":
        return captioned_fields(evaluation.captioned, splits, size)
    part = probe_sets(cell.experiment)[name] if section == "probes" else evaluation.labelled
    tuned = cell.experiment.stages.finetune.image_size if larger else None
    return labelled_fields(part, splits, tuned or size)


def _units(step: Step) -> int:
    """Images."""
    return max(1, int(str(step.plain["count"])))


def _costs(step: Step) -> dict[str, Json]:
    """All tasks of a set have images of equal cost."""
    config = step.config
    assert isinstance(config, Config)
    part = {key: value for key, value in (config.labelled or config.captioned or {}).items() if key != "task"}
    return {"set": part, "crop": config.crop, "image_size": config.image_size, "whole": config.dual_encoder is not None}


def _detail(step: Step) -> str:
    """The set, its splits unless they are those of a probe, `logits` if it is those, and the crop."""
    config = step.config
    assert isinstance(config, Config)
    part = config.labelled or config.captioned or {}
    which = "" if config.splits == ("train", "test") else f".{'+'.join(config.splits)}"
    name = part.get("task") or (Path(str(part["path"])).name if part["name"] == "folders" else part["name"])
    how = " logits" if "classifier" in step.parents else ""
    return f"{name}{which}{how}" + (f" {config.crop:g}" if config.crop < 1 else "")


KIND = StageKind(
    name="embed",
    summary="compute the frozen encoder's pooled features of a set once",
    version=1,
    make=_make,
    units=_units,
    costs=_costs,
    seconds=0.002,
    distributed=True,
    encoder_alone=True,
    detail=_detail,
)
