"""Regions: from text to box, mask and IoU; an answer that cannot be decoded scores 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pali3kit.data.task import Example
from pali3kit.evals.regions import (
    _by_size,
    _codec_limits,
    _decode_segments,
    _runs,
    _score_regions,
    reconstruction,
)
from pali3kit.masks.codec import RegionFormat
from pali3kit.masks.vqvae import MaskVQVAE


class Full(MaskVQVAE):
    """Every code decodes to a full box."""

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(codes), 1, 64, 64)


MASK_TOKENIZER = Full(codes=8, code_width=4, width=1)
BOX = (16, 0, 48, 32)
REGIONS = RegionFormat(65)
TEXT = REGIONS.write(REGIONS.write_box(BOX, 64, 64), [0] * 16)


def example() -> Example:
    mask = np.zeros((64, 64), bool)
    mask[16:48, :16] = True
    return Example((0,), "", REGIONS.write_box(BOX, 64, 64), box=BOX, mask=mask)


def test_a_right_box_with_a_full_mask() -> None:
    scores = _score_regions([example(), example()], [TEXT, "no box"], MASK_TOKENIZER, bins=65)
    assert scores.samples == pytest.approx([50.0, 0.0]) and scores.value == pytest.approx(25.0)
    limits = {"oracle": pytest.approx(50.0), "reconstruction": pytest.approx(50.0)}  # a full box, whatever the codes
    assert scores.extra == {
        "cIoU": pytest.approx(100 / 3),
        "boxacc@0.5": 50.0,
        "boxacc@0.75": 50.0,
        "invalid": 50.0,
        **limits,
    }
    drawn, nothing = scores.details
    assert drawn["box"] == list(BOX) == drawn["target_box"]
    assert drawn["mask"][0] == [16, 0, 32] and drawn["target_mask"][0] == [16, 0, 16]
    assert "box" not in nothing and "mask" not in nothing


@pytest.mark.parametrize("text", ["", "16 0 48", "16 0 48 32", TEXT.rsplit(" <", 1)[0], "48 0 16 32" + TEXT[10:]])
def test_invalid_answers_give_no_segment(text: str) -> None:
    assert _decode_segments([text], [(64, 64)], MASK_TOKENIZER, bins=65) == [None]


def test_runs_are_the_mask() -> None:
    mask = np.random.default_rng(0).random((9, 13)) > 0.5
    drawn = np.zeros_like(mask)
    for y, x, length in _runs(mask):
        assert not drawn[y, x : x + length].any()
        drawn[y, x : x + length] = True
    assert (drawn == mask).all()
    assert _runs(np.zeros((3, 3), bool)) == []


def test_thirds_by_the_size_of_the_mask() -> None:
    masks = [np.arange(100).reshape(10, 10) < share for share in (90, 10, 50, 20, 80, 40)]
    assert _by_size(masks, [0.9, 0.1, 0.5, 0.3, 0.7, 0.5]) == pytest.approx({"small": 0.2, "middle": 0.5, "large": 0.8})
    assert _by_size(masks[:2], [0.9, 0.1]) == {}


def test_a_mask_tokenizer_that_loses_nothing_leaves_the_rounding_of_the_box() -> None:
    class Perfect(MaskVQVAE):
        """Records the last mask that it encoded."""

        def encode(self, masks: torch.Tensor) -> torch.Tensor:
            self.seen = masks
            return torch.zeros(len(masks), 16, dtype=torch.int64)

        def decode(self, codes: torch.Tensor) -> torch.Tensor:
            return 2 * self.seen - 1

    perfect = Perfect(codes=8, code_width=4, width=1)
    assert _codec_limits([example()], perfect, bins=65) == pytest.approx({"oracle": 100.0, "reconstruction": 100.0})
    for bins, expected in ((5, 100.0), (3, 50.0)):  # its sides lie on quarters
        found = _codec_limits([replace(example(), target=RegionFormat(bins).write_box(BOX, 64, 64))], perfect, bins)
        assert found == pytest.approx({"oracle": expected, "reconstruction": 100.0})


def test_the_mask_tokenizer_alone_is_scored_mask_by_mask() -> None:
    whole = replace(example(), mask=np.ones((64, 64), bool))
    result = reconstruction([example(), whole], MASK_TOKENIZER)
    assert result.samples == pytest.approx([50.0, 100.0]) and result.value == pytest.approx(75.0)
