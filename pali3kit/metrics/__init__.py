"""Metrics: pure functions on strings, masks or features, most with a `torchmetrics.Metric` that accumulates batches.

The few-shot probe has no `Metric`, as it fits a classifier on a training set.
"""

from pali3kit.masks.crops import paste_mask
from pali3kit.metrics.anls import ANLS, anls
from pali3kit.metrics.captions import bleu, rouge_l
from pali3kit.metrics.cider import CIDEr, cider, whitespace
from pali3kit.metrics.classification import RelabelledAccuracy, relabelled_accuracy
from pali3kit.metrics.exact import ExactAccuracy, exact_accuracy
from pali3kit.metrics.neighbours import nearest_classes
from pali3kit.metrics.probe import ridge_probe
from pali3kit.metrics.ptb import ptb_tokenize
from pali3kit.metrics.relaxed import RelaxedAccuracy, relaxed_accuracy
from pali3kit.metrics.retrieval import Recall, RetrievalRecall, recall_hits
from pali3kit.metrics.segmentation import (
    Segment,
    SegmentationIoU,
    box_accuracy,
    box_iou,
    cumulative_iou,
    mean_iou,
)
from pali3kit.metrics.textvqa import TextVQAAccuracy, textvqa_accuracy
from pali3kit.metrics.vqa import VQAAccuracy, normalize_answer, vqa_accuracy
from pali3kit.metrics.wups import WUPS, wups

__all__ = [
    "ANLS",
    "WUPS",
    "CIDEr",
    "ExactAccuracy",
    "Recall",
    "RelabelledAccuracy",
    "RelaxedAccuracy",
    "RetrievalRecall",
    "Segment",
    "SegmentationIoU",
    "TextVQAAccuracy",
    "VQAAccuracy",
    "anls",
    "bleu",
    "box_accuracy",
    "box_iou",
    "cider",
    "cumulative_iou",
    "exact_accuracy",
    "mean_iou",
    "nearest_classes",
    "normalize_answer",
    "paste_mask",
    "ptb_tokenize",
    "recall_hits",
    "relabelled_accuracy",
    "relaxed_accuracy",
    "ridge_probe",
    "rouge_l",
    "textvqa_accuracy",
    "vqa_accuracy",
    "whitespace",
    "wups",
]


def __dir__() -> list[str]:
    return __all__
