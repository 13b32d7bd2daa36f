"""Referring expressions: the mask IoU of generated boxes and mask tokens at the original size (paper.md §4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pali3kit.data.regions import add_mask_tokens, crops
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.masks.crops import paste_mask
from pali3kit.masks.regions import read_region
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.metrics.inputs import require_pairs
from pali3kit.metrics.segmentation import Segment, box_accuracy, cumulative_iou, mask_iou, mean_iou
from pali3kit.registry import METRIC
from pali3kit.types import Json

SIZES = ("small", "middle", "large")
CROPS = 512  # masks that are encoded at a time


@METRIC.register("segmentation_iou", "mean IoU of masks at full size")
def _segmentation_iou(answered: Answered) -> EvalResult:
    """Mean IoU of masks in percent. Raises DataError where there is no mask tokenizer to decode them."""
    if answered.masks is None:
        raise DataError("regions are scored with the mask tokenizer, and there is none")
    return _score_regions(answered.examples, answered.answers, answered.masks, answered.bins)


def _score_regions(examples: Sequence[Example], predictions: Sequence[str], masks: MaskVQVAE, bins: int) -> EvalResult:
    """Decode each prediction into a box and a mask, and compare it with the example's.

    Raises DataError where an example has no box or no mask, or there is not one prediction for each.
    """
    if incomplete := [example.images for example in examples if example.mask is None or example.box is None]:
        numbers = ", ".join(map(str, incomplete[0]))
        raise DataError(f"a region is scored with its box and its mask: test image {numbers} has not both")
    require_pairs(predictions, examples, "IoU", "expression")
    truth = [e.mask for e in examples if e.mask is not None]
    boxes = [e.box for e in examples if e.box is not None]
    segments = _decode_segments(predictions, [mask.shape for mask in truth], masks, bins)
    value, ious = mean_iou(segments, truth)
    found = [segment and segment.box for segment in segments]
    extra = {
        "cIoU": 100 * cumulative_iou(segments, truth),
        "boxacc@0.5": 100 * box_accuracy(found, boxes, 0.5),
        "boxacc@0.75": 100 * box_accuracy(found, boxes, 0.75),
        "invalid": 100 * float(np.mean([segment is None for segment in segments])),
        **{f"mIoU {size}": 100 * value for size, value in _by_size(truth, ious).items()},
        **_codec_limits(examples, masks, bins),
    }
    details = [_drawing(segment, mask, box) for segment, mask, box in zip(segments, truth, boxes, strict=True)]
    return EvalResult(100 * value, [100 * iou for iou in ious], extra, details)


def _by_size(truth: Sequence[np.ndarray], ious: Sequence[float]) -> dict[str, float]:
    """The mean IoU of thirds of the examples, by the share of the image that a mask covers; needs three examples."""
    order = np.argsort([mask.mean() for mask in truth], kind="stable")
    thirds = np.array_split(np.asarray(ious)[order], len(SIZES)) if len(ious) >= len(SIZES) else ()
    return {size: float(third.mean()) for size, third in zip(SIZES, thirds, strict=False)}


@torch.inference_mode()
def _codec_limits(examples: Sequence[Example], masks: MaskVQVAE, bins: int) -> dict[str, float]:
    """Upper bounds that the mask tokenizer sets for any model: two mean IoUs in percent.

    `oracle` is the mIoU of the ground truth itself, its box and mask encoded as text and decoded again.
    `reconstruction` is that of the function of this name.
    """
    truth = [e.mask for e in examples if e.mask is not None]
    answers = [e.target for e in add_mask_tokens(examples, masks)]
    oracle, _ = mean_iou(_decode_segments(answers, [mask.shape for mask in truth], masks, bins), truth)
    return {"oracle": 100 * oracle, "reconstruction": reconstruction(examples, masks).value}


@torch.inference_mode()
def reconstruction(examples: Sequence[Example], masks: MaskVQVAE) -> EvalResult:
    """The mean IoU in percent of masks, written as mask tokens and read back, with the 64x64 crops that are encoded.

    Neither the rounding of the box nor the resize to full size is in it. All `examples` have a box and a mask.
    """
    originals = crops(examples)
    decoded = torch.cat([masks.decode(masks.encode(part)) for part in originals.split(CROPS)])
    pairs = zip((decoded[:, 0] > 0).numpy(), (originals[:, 0] >= 0.5).numpy(), strict=True)
    ious = [mask_iou(*pair) for pair in pairs]
    return EvalResult(100 * float(np.mean(ious)), [100 * iou for iou in ious])


@torch.inference_mode()
def _decode_segments(
    predictions: Sequence[str], sizes: Sequence[tuple[int, int]], masks: MaskVQVAE, bins: int
) -> list[Segment | None]:
    """The box in pixels and the mask logits of each valid prediction, None for the others."""
    read = (read_region(text, *size, masks, bins) for text, size in zip(predictions, sizes, strict=True))
    return [None if box is None or logits is None else Segment(box, logits) for box, logits in read]


def _drawing(segment: Segment | None, truth: np.ndarray, box: tuple[int, ...]) -> dict[str, Json]:
    """The fields of a prediction that the report draws: the true region and, if valid, the predicted one."""
    _drawing: dict[str, Json] = {"target_box": list(box), "target_mask": _runs(truth)}
    if segment is not None:
        _drawing["box"] = list(segment.box)
        _drawing["mask"] = _runs(paste_mask(segment.logits, segment.box, *truth.shape))
    return _drawing


def _runs(mask: np.ndarray) -> list[list[int]]:
    """A bool mask `[H,W]` as its horizontal _runs `[y, x, length]`, in raster order."""
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    (rows, starts), (_, ends) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    found: list[list[int]] = np.stack([rows, starts, ends - starts], axis=1).tolist()
    return found
