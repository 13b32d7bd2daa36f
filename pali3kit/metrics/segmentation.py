"""IoU of masks and boxes of referring expressions, at the size of the original image (paper.md section 4.4).

Boxes are (y0, x0, y1, x1), half open. A prediction is a box and a 64x64 crop of mask logits that fills it, or None for
an output that could not be decoded. As in big_vision, undecodable and degenerate predictions score 0, mask pixels are
those whose resized logit is above 0, and ground truth outside the predicted box counts against the IoU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.masks.crops import paste_mask, require_boxes
from pali3kit.metrics.base import ExactMetric
from pali3kit.metrics.inputs import require_pairs

Box = tuple[float, float, float, float]
Mask = NDArray[np.bool_]


class Segment(NamedTuple):
    """A predicted box in pixels, and the mask logits, float [64,64], that fill it: above 0 is inside."""

    box: Box
    logits: NDArray[np.floating]


def mask_iou(predicted: Mask, truth: Mask) -> float:
    """Intersection over union of two masks of the same shape; 0 where both are empty.

    Raises DataError unless both are bool `[H,W]` of one shape.
    """
    return _iou(*_mask_overlap(predicted, truth))


def _mask_overlap(predicted: Mask, truth: Mask) -> tuple[int, int]:
    """The numbers of pixels in the intersection and the union."""
    _check_mask(truth)
    if predicted.shape != truth.shape or predicted.dtype != np.bool_:
        shown = f"{predicted.dtype} {list(predicted.shape)}"
        raise DataError(f"a predicted mask should be bool {list(truth.shape)}, as the true one; it is {shown}.")
    return int(np.count_nonzero(predicted & truth)), int(np.count_nonzero(predicted | truth))


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where both are empty. Raises DataError where they are not finite."""
    require_boxes(a, b)
    overlap = _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = _area(a) + _area(b) - overlap
    return overlap / union if union else 0.0


def _segment_overlap(predicted: Segment | None, truth: Mask) -> tuple[int, int]:
    """The numbers of pixels in the intersection and the union of a prediction and the truth; None is an empty mask."""
    _check_mask(truth)
    if predicted is None:
        return 0, int(np.count_nonzero(truth))
    return _mask_overlap(paste_mask(predicted.logits, predicted.box, *truth.shape), truth)


def _overlaps(predicted: Sequence[Segment | None], truth: Sequence[Mask]) -> NDArray[np.int64]:
    """`_segment_overlap` of each expression, `[N,2]`."""
    require_pairs(predicted, truth, "IoU", "expression")
    return np.array([_segment_overlap(p, t) for p, t in zip(predicted, truth, strict=True)], np.int64)


def mean_iou(predicted: Sequence[Segment | None], truth: Sequence[Mask]) -> tuple[float, list[float]]:
    """The mean over expressions of the mask IoU (mIoU), and the IoU of each.

    Raises DataError where there are no expressions, lengths differ, or a box, logits or a mask are not valid.
    """
    ious = [_iou(intersection, union) for intersection, union in _overlaps(predicted, truth).tolist()]
    return float(np.mean(ious)), ious


def cumulative_iou(predicted: Sequence[Segment | None], truth: Sequence[Mask]) -> float:
    """The sum of intersections over the sum of unions (cIoU, also called overall IoU), which favours large masks.

    Errors are those of `mean_iou`.
    """
    return _iou(*_overlaps(predicted, truth).sum(0).tolist())


def box_accuracy(predicted: Sequence[Box | None], truth: Sequence[Box], threshold: float = 0.5) -> float:
    """The share of boxes whose IoU with the ground truth is at least `threshold`; None counts as a miss.

    Raises DataError where there is no box, lengths differ, or boxes are not finite.
    """
    require_pairs(predicted, truth, "box accuracy", "region")
    return float(np.mean([p is not None and box_iou(p, t) >= threshold for p, t in zip(predicted, truth, strict=True)]))


def _iou(intersection: int, union: int) -> float:
    return intersection / union if union else 0.0


def _check_mask(truth: Mask) -> None:
    if truth.ndim != 2 or truth.dtype != np.bool_:
        raise DataError(f"a true mask should be bool [H, W]; it is {truth.dtype} {list(truth.shape)}.")


def _area(box: Box) -> float:
    y0, x0, y1, x1 = box
    return max(y1 - y0, 0.0) * max(x1 - x0, 0.0)


class SegmentationIoU(ExactMetric):
    """`miou`, `ciou`, `box_iou`, `boxacc@0.5`, `boxacc@0.75` and `invalid` (a count) over batches of expressions."""

    is_differentiable = False
    higher_is_better = True
    sums: Tensor  # mask IoU, intersection, union, box IoU, hits at 0.5, hits at 0.75, invalid, expressions

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.add_state("sums", torch.zeros(8, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, predicted: Sequence[Segment | None], masks: Sequence[Mask], boxes: Sequence[Box]) -> None:
        """Add predictions with their true masks, bool [H,W], and boxes; a batch may be empty."""
        if not len(predicted) == len(masks) == len(boxes):
            counts = f"{len(predicted)} predictions, {len(masks)} masks and {len(boxes)} boxes"
            raise DataError(f"{counts}: there should be one of each per expression.")
        for segment, mask, box in zip(predicted, masks, boxes, strict=True):
            intersection, union = _segment_overlap(segment, mask)
            box_overlap = box_iou(segment.box, box) if segment else 0.0
            hits = box_overlap >= 0.5, box_overlap >= 0.75
            row = (_iou(intersection, union), intersection, union, box_overlap, *hits, segment is None, 1)
            self.sums += torch.tensor(row, dtype=torch.float64, device=self.sums.device)

    def compute(self) -> dict[str, Tensor]:
        """Means by name, NaN before any expression; `invalid` counts the predictions that were None."""
        iou, intersection, union, box_overlap, half, three_quarters, invalid, count = self.sums
        means = {"miou": iou, "box_iou": box_overlap, "boxacc@0.5": half, "boxacc@0.75": three_quarters}
        named = {name: value / count for name, value in means.items()}
        return {**named, "ciou": intersection / union, "invalid": invalid}
