"""Regions are read from answers, never guessed, and drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pali3kit.errors import DataError
from pali3kit.inference.regions import COLOURS, Region, draw_regions, read_regions
from pali3kit.masks.vqvae import MaskVQVAE

CODES = " ".join("<mask_token 3>" for _ in range(16))


class LeftHalf(MaskVQVAE):
    """Every code decodes to the left half of a box."""

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return torch.where(torch.arange(64) < 32, 1.0, -1.0).expand(len(codes), 1, 64, 64)


MASKS = LeftHalf(codes=8, code_width=4, width=1)


def test_several_regions_of_one_answer_are_read() -> None:
    answer = f"0 0 16 32 {CODES} a dog ; 0 8 32 16 a cat;what; 8 8 4 16 {CODES}"
    with_mask, box_alone, words, inverted = read_regions(answer, 64, 160, MASKS, bins=33)
    assert with_mask.box == (0, 0, 32, 160) and with_mask.text == f"0 0 16 32 {CODES} a dog"
    assert with_mask.mask is not None and with_mask.mask.shape == (64, 160) and with_mask.mask.dtype == bool
    assert with_mask.mask[:32, :80].all() and with_mask.mask.sum() == 32 * 80
    assert box_alone.box == (0, 40, 64, 80) and box_alone.mask is None
    assert (words.text, words.box, words.mask) == ("what", None, None)
    assert inverted.box is None and inverted.mask is None and inverted.text.startswith("8 8 4 16")


@pytest.mark.parametrize("answer", ["", " ; ", ";"])
def test_an_empty_answer_is_one_unreadable_region(answer: str) -> None:
    [region] = read_regions(answer, 8, 8, MASKS, bins=33)
    assert (region.text, region.box, region.mask) == ("", None, None)


def test_without_a_mask_tokenizer_there_are_boxes_alone() -> None:
    [region] = read_regions(f"0 0 16 32 {CODES}", 64, 64, None, bins=33)
    assert region.box == (0, 0, 32, 64) and region.mask is None


def test_masks_are_short_when_printed() -> None:
    [region] = read_regions(f"0 0 16 32 {CODES}", 64, 64, MASKS, bins=33)
    assert repr(region) == f"Region(text={region.text!r}, box=(0, 0, 32, 64), mask=1024 of 4096 pixels)"
    assert repr(Region("what")) == "Region(text='what', box=None, mask=None)"


def test_boxes_are_outlined_and_masks_tinted() -> None:
    black, mask = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), bool)
    mask[10:20, 10:20] = True
    image = np.asarray(
        draw_regions(black, [Region("a", (5, 6, 30, 40), mask), Region("b"), Region("c", (32, 0, 40, 60))])
    )
    assert image.shape == (40, 60, 3) and not black.any()
    assert tuple(image[5, 6]) == tuple(image[29, 39]) == COLOURS[0] and tuple(image[39, 59]) == COLOURS[2]
    assert np.abs(image[15, 15] - 0.45 * np.array(COLOURS[0])).max() <= 1
    assert not image[25, 25].any() and not image[3, 3].any()


def test_a_mask_of_another_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"the mask is of an image of 4x5 pixels \(height x width\), this one has 8x9"):
        draw_regions(np.zeros((8, 9, 3), np.uint8), [Region("a", (0, 0, 2, 2), np.zeros((4, 5), bool))])
