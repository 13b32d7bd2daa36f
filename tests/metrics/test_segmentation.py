import numpy as np
import pytest
from PIL import Image

from pali3kit.masks.crops import paste_mask
from pali3kit.metrics.segmentation import (
    Segment,
    SegmentationIoU,
    box_accuracy,
    box_iou,
    mask_iou,
    mean_iou,
)

FULL = np.ones((64, 64), np.float32)


def rectangle(height: int, width: int, y0: int, x0: int, y1: int, x1: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_full_crop_fills_its_box():
    assert (paste_mask(FULL, (3, 5, 20, 30), 40, 50) == rectangle(40, 50, 3, 5, 20, 30)).all()


def test_the_crop_is_resized_bilinearly_and_thresholded_at_zero():
    logits = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    expected = np.asarray(Image.fromarray(logits).resize((37, 21), Image.Resampling.BILINEAR)) > 0
    mask = paste_mask(logits, (10.9, 4.2, 31.7, 41.99), 100, 90)  # coordinates are truncated, as int() does
    assert (mask[10:31, 4:41] == expected).all() and mask.sum() == expected.sum()
    assert 0.3 < expected.mean() < 0.7


def test_a_box_over_the_edge_is_cut_not_squeezed():
    left = np.where(np.arange(64) < 32, 1.0, -1.0) * np.ones((64, 1))
    assert (paste_mask(left, (-4, 10, 4, 30), 20, 20) == rectangle(20, 20, 0, 10, 4, 20)).all()


def test_ground_truth_outside_the_box_counts():
    truth = rectangle(40, 40, 0, 0, 20, 20)
    assert mean_iou([Segment((0, 0, 10, 20), FULL)], [truth])[0] == pytest.approx(0.5)
    assert mean_iou([Segment((0, 0, 20, 40), FULL)], [truth])[0] == pytest.approx(0.5)


@pytest.mark.parametrize("segment", [None, Segment((5, 5, 5, 20), FULL), Segment((9, 9, 3, 3), FULL)])
def test_unreadable_and_degenerate_predictions_score_zero(segment):
    assert mean_iou([segment], [rectangle(40, 40, 0, 0, 20, 20)])[0] == 0.0


def test_the_mean_is_over_expressions():
    small, large = rectangle(40, 40, 0, 0, 2, 2), rectangle(40, 40, 0, 0, 40, 40)
    score, each = mean_iou([Segment((0, 0, 2, 2), FULL), Segment((0, 0, 40, 20), FULL)], [small, large])
    assert each == [1.0, 0.5] and score == 0.75


def test_empty_masks_and_boxes_have_no_overlap():
    empty = np.zeros((4, 4), bool)
    assert mask_iou(empty, empty) == 0.0 and box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0


def test_box_iou_and_accuracy():
    assert box_iou((0, 0, 10, 10), (0, 5, 10, 15)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0
    predicted, truth = [(0, 0, 10, 10), (0, 0, 10, 6), None, (0, 0, 1, 1)], [(0, 0, 10, 10)] * 4
    assert box_accuracy(predicted, truth, 0.5) == 0.5
    assert box_accuracy(predicted, truth, 0.75) == 0.25


def test_the_metric_equals_the_functions_and_is_summed_over_updates():
    truth = rectangle(40, 40, 0, 0, 20, 20)
    metric = SegmentationIoU()
    metric.update([Segment((0, 0, 10, 20), FULL), None], [truth, truth], [(0, 0, 20, 20)] * 2)
    metric.update([Segment((0, 0, 20, 20), FULL)], [truth], [(0, 0, 20, 20)])
    assert {k: v.item() for k, v in metric.compute().items()} == pytest.approx(
        {"miou": 0.5, "ciou": 600 / 1200, "box_iou": 0.5, "boxacc@0.5": 2 / 3, "boxacc@0.75": 1 / 3, "invalid": 1}
    )


def test_of_a_box_only_what_lies_in_the_image_is_resized():
    """A box a million times larger than the image takes no more memory; smaller ones equal a full resize."""
    near = np.linspace(-1, 1, 64 * 64).reshape(64, 64)
    whole = np.asarray(Image.fromarray(near.astype(np.float32)).resize((90, 70), Image.Resampling.BILINEAR)) > 0
    assert np.array_equal(paste_mask(near, (-20, -30, 50, 60), 40, 40), whole[20:60, 30:70])
    for side in (1e6, 1e9, 1e300):
        truth = rectangle(40, 40, 0, 0, 40, 40)
        assert mean_iou([Segment((-side, -side, side, side), FULL)], [truth])[0] == 1.0
