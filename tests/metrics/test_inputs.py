"""No metric accepts an empty input, numbers that are not finite, or unequal numbers of predictions and truths."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from pali3kit import evals
from pali3kit.errors import DataError
from pali3kit.evals.classification import _argmax, _class_embeddings, _nearest_texts
from pali3kit.evals.features import Features, embed_texts
from pali3kit.evals.linear import LinearClassifier
from pali3kit.images.spec import ImageSpec
from pali3kit.metrics import (
    Segment,
    bleu,
    box_accuracy,
    box_iou,
    cider,
    cumulative_iou,
    mean_iou,
    nearest_classes,
    relabelled_accuracy,
    ridge_probe,
    rouge_l,
    vqa_accuracy,
)
from pali3kit.metrics.segmentation import SegmentationIoU, mask_iou

LABELS = np.repeat(np.arange(2), 20)
GOOD = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32) + 3 * LABELS[:, None]
NAN, ONE_INF = np.full_like(GOOD, np.nan), GOOD.astype(np.float16)
ONE_INF[3] = np.inf
FULL, MASK, BOX = np.ones((64, 64)), np.ones((4, 4), bool), (0, 0, 3, 3)
TWO = ["a", "b"], [["a"], ["b"]]
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "probe, NaN test": (lambda: ridge_probe(GOOD, LABELS, NAN, LABELS), "of test images are not all finite: row 0"),
    "probe, NaN train": (lambda: ridge_probe(NAN, LABELS, GOOD, LABELS), "of train images are not all finite"),
    "probe, inf in fp16": (lambda: ridge_probe(ONE_INF, LABELS, GOOD, LABELS), "not all finite: row 3 of 40"),
    "probe, train labels": (lambda: ridge_probe(GOOD, LABELS[:-1], GOOD, LABELS), "train images need as many labels"),
    "probe, test labels": (lambda: ridge_probe(GOOD, LABELS, GOOD, LABELS[:-1]), "test images need as many labels"),
    "probe, widths": (lambda: ridge_probe(GOOD, LABELS, GOOD[:, :5], LABELS), "have 5 numbers, the others 8"),
    "probe, no shots": (lambda: ridge_probe(GOOD, LABELS, GOOD, LABELS, shots=0), "at least one shot"),
    "probe, no draws": (lambda: ridge_probe(GOOD, LABELS, GOOD, LABELS, repeats=0), "one draw, not [10] and 0"),
    "probe, labels of half": (lambda: ridge_probe(GOOD, LABELS + 0.5, GOOD, LABELS), "not whole numbers"),
    "neighbours, NaN test": (lambda: nearest_classes(GOOD, LABELS, NAN, 5), "test images are not all finite"),
    "neighbours, NaN train": (lambda: nearest_classes(NAN, LABELS, GOOD, 5), "train images are not all finite"),
    "neighbours, labels": (lambda: nearest_classes(GOOD, LABELS[:-1], GOOD, 5), "need as many labels"),
    "neighbours, no tests": (lambda: nearest_classes(GOOD, LABELS, GOOD[:0], 5), "no test images"),
    "neighbours, too cold": (lambda: nearest_classes(GOOD, LABELS, GOOD, 5, 0.001), "of votes is at least 0.002"),
    "neighbours, too long": (lambda: nearest_classes(GOOD, LABELS, GOOD * 1e30, 5), "their length overflows float32"),
    "linear, NaN train": (lambda: LinearClassifier.fit(NAN, LABELS), "not all finite"),
    "linear, NaN test": (lambda: LinearClassifier.fit(GOOD, LABELS, 1).predict(NAN), "test images are not all finite"),
    "linear, labels": (lambda: LinearClassifier.fit(GOOD, LABELS[:-1]), "need as many labels, not [39]"),
    "linear, nothing": (lambda: LinearClassifier.fit(GOOD[:0], LABELS[:0]), "on no images"),
    "zero-shot, NaN images": (lambda: _nearest_texts(NAN, torch.ones(3, 8)), "not all finite"),
    "zero-shot, NaN texts": (lambda: _nearest_texts(GOOD, torch.full((3, 8), torch.nan)), "not all finite"),
    "a classifier's NaN": (lambda: _argmax(NAN), "not all finite"),
    "features, labels": (lambda: Features(GOOD, LABELS[:-1]), "need as many labels, not [39]"),
    "features, right": (lambda: Features(GOOD, LABELS, [(1,)]), "1 lists of right labels for 40 features"),
    "features, flat": (lambda: Features(GOOD[0]), "features are [n, D], not [8]"),
    "tests of nothing": (
        lambda: list(evals.knn(Features(GOOD, LABELS), Features(GOOD[:0], LABELS[:0]))), "no test images",
    ),
    "no classes": (lambda: _class_embeddings(None, [], "clip"), "no class names to choose from"),
    "no texts": (lambda: embed_texts(None, []), "no texts to embed"),
    "no images": (lambda: evals.extract(evals.Encoder(abs, ImageSpec(8)), []), "no images to extract features from"),
    "IoU of nothing": (lambda: mean_iou([], []), "IoU of no expressions"),
    "cIoU of nothing": (lambda: cumulative_iou([], []), "IoU of no expressions"),
    "IoU, lengths": (lambda: mean_iou([None], [MASK, MASK]), "1 for 2 expressions"),
    "boxes of nothing": (lambda: box_accuracy([], []), "box accuracy of no regions"),
    "boxes, lengths": (lambda: box_accuracy([BOX], []), "1 for 0 regions"),
    "a NaN box": (lambda: mean_iou([Segment((np.nan, 0, 3, 3), FULL)], [MASK]), "four finite numbers"),
    "an infinite box": (lambda: mean_iou([Segment((0, 0, np.inf, 3), FULL)], [MASK]), "four finite numbers"),
    "a true NaN box": (lambda: box_iou(BOX, (0, 0, np.nan, 3)), "four finite numbers"),
    "NaN logits": (lambda: mean_iou([Segment(BOX, FULL * np.nan)], [MASK]), "mask logits should be [h, w] and finite"),
    "logits with a channel": (lambda: mean_iou([Segment(BOX, FULL[None])], [MASK]), "these are [1, 64, 64]"),
    "a mask with a channel": (lambda: mean_iou([Segment(BOX, FULL)], [MASK[..., None]]), "it is bool [4, 4, 1]"),
    "a mask of another size": (lambda: mask_iou(MASK[:, :1], MASK), "it is bool [4, 1]"),
    "a mask of numbers": (lambda: mask_iou(MASK, MASK * np.uint8(2)), "it is uint8 [4, 4]"),
    "a mask for none": (lambda: mean_iou([None], [MASK[0]]), "it is bool [4]"),
    "the metric of masks, lengths": (lambda: SegmentationIoU().update([None], [MASK], []), "one of each per"),
    "VQA of nothing": (lambda: vqa_accuracy([], []), "of no questions"),
    "VQA, lengths": (lambda: vqa_accuracy(["a"], [["a", "a"]] * 2), "1 for 2 questions"),
    "VQA, a text for a list": (lambda: vqa_accuracy(["a"], ["aaaa"]), "that of question 0 is 'aaaa'"),
    "CIDEr of nothing": (lambda: cider([], []), "of no images"),
    "CIDEr, no text": (lambda: cider([float("nan"), "a"], TWO[1]), "the prediction of image 0 is nan"),
    "CIDEr, a text for a list": (lambda: cider(TWO[0], ["a", ["b"]]), "that of image 0 is 'a'"),
    "CIDEr, NaN reference": (lambda: cider(TWO[0], [["a"], [np.nan]]), "that of image 1 is [nan]"),
    "BLEU of nothing": (lambda: bleu([], []), "BLEU of no images"),
    "BLEU, no reference": (lambda: bleu(["a"], [[]]), "image 0 of 1 has none"),
    "ROUGE-L, lengths": (lambda: rouge_l(["a"], TWO[1]), "1 for 2 images"),
    "ReaL of NaN": (lambda: relabelled_accuracy(np.array([np.nan]), [(1,)]), "not whole numbers"),
    "ReaL of nothing": (lambda: relabelled_accuracy(np.array([], np.int64), []), "none of the images"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    measure, message = REFUSED[name]
    with pytest.raises(DataError, match=re.escape(message)):
        measure()


def test_what_is_whole_is_scored() -> None:
    assert ridge_probe(GOOD, LABELS, GOOD, LABELS) == [1.0, 1.0, 1.0]
    assert (nearest_classes(GOOD, LABELS, GOOD.astype(np.float16), 5) == LABELS).all()
    assert ridge_probe(GOOD, LABELS.astype(np.uint8), GOOD, LABELS, shots=2, repeats=1)[0] > 0.9
