"""Referring expressions: box text and mask tokens to the mean mask IoU at the original size (paper.md §4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pali3kit.data.task import Example
from pali3kit.evals.scores import Scores
from pali3kit.masks.codec import read
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.metrics.segmentation import Segment, box_accuracy, mean_iou, paste_mask


def score_regions(examples: Sequence[Example], predictions: Sequence[str], masks: MaskVQVAE, bins: int) -> Scores:
    """Decode each prediction into a box and a mask and compare it with the example's mask."""
    truth = [e.mask for e in examples if e.mask is not None]
    boxes = [e.box for e in examples if e.box is not None]
    segments = decode_segments(predictions, [mask.shape for mask in truth], masks, bins)
    value, ious = mean_iou(segments, truth)
    found = [segment and segment.box for segment in segments]
    extra = {
        "boxacc@0.5": 100 * box_accuracy(found, boxes, 0.5),
        "boxacc@0.75": 100 * box_accuracy(found, boxes, 0.75),
        "invalid": 100 * float(np.mean([segment is None for segment in segments])),
    }
    details = [_drawing(segment, mask, box) for segment, mask, box in zip(segments, truth, boxes, strict=True)]
    return Scores(100 * value, [100 * iou for iou in ious], extra, details)


@torch.inference_mode()
def decode_segments(
    predictions: Sequence[str], sizes: Sequence[tuple[int, ...]], masks: MaskVQVAE, bins: int
) -> list[Segment | None]:
    """Boxes in pixels and mask logits of the predictions that are valid, None for the others."""
    segments: list[Segment | None] = []
    for text, (height, width) in zip(predictions, sizes, strict=True):
        region, codes = read(text, bins, len(masks.codebook.codes))
        if region is None or codes is None:
            segments.append(None)
            continue
        y0, x0, y1, x1 = region
        logits = masks.decode(torch.tensor([codes]))[0, 0].numpy()
        corners = (round(y0 * height), round(x0 * width), round(y1 * height), round(x1 * width))
        segments.append(Segment(corners, logits))
    return segments


def _drawing(segment: Segment | None, truth: np.ndarray, box: tuple[int, ...]) -> dict[str, Any]:
    """What a report draws: the true region and, where the prediction was valid, the predicted one."""
    drawing: dict[str, Any] = {"target_box": list(box), "target_mask": runs(truth)}
    if segment is not None:
        drawing["box"] = list(segment.box)
        drawing["mask"] = runs(paste_mask(segment.logits, segment.box, *truth.shape))
    return drawing


def runs(mask: np.ndarray) -> list[list[int]]:
    """A bool mask `[H,W]` as its horizontal runs `[y, x, length]`, in raster order."""
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    (rows, starts), (_, ends) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    return np.stack([rows, starts, ends - starts], axis=1).tolist()  # type: ignore[no-any-return]
