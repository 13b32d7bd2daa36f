"""Metrics: a pure function on strings, masks or features, and a `torchmetrics.Metric` where scores are accumulated.

The few-shot probe has no `Metric`: it is a fit on a training set, not a score of samples.
"""

from pali3kit.metrics.cider import CIDEr, cider, whitespace
from pali3kit.metrics.probe import ridge_probe
from pali3kit.metrics.ptb import ptb_tokenize
from pali3kit.metrics.segmentation import Segment, SegmentationIoU, box_accuracy, box_iou, mean_iou, paste_mask
from pali3kit.metrics.vqa import VQAAccuracy, normalize_answer, vqa_accuracy

__all__ = [
    "CIDEr",
    "Segment",
    "SegmentationIoU",
    "VQAAccuracy",
    "box_accuracy",
    "box_iou",
    "cider",
    "mean_iou",
    "normalize_answer",
    "paste_mask",
    "ptb_tokenize",
    "ridge_probe",
    "vqa_accuracy",
    "whitespace",
]
