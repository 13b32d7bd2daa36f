"""Outlines, and letters in place of words."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pali3kit.images.drawing import Letter, outline, write_letters


@pytest.mark.parametrize("width", [1, 3])
def test_an_outline_is_red_inside_its_box(width: int) -> None:
    pixels = np.asarray(outline(Image.new("RGB", (40, 30), "white"), (5, 6, 20, 25), width))
    red = (pixels == (255, 0, 0)).all(-1)
    expected = np.zeros((30, 40), bool)
    expected[6:26, 5:21] = True
    expected[6 + width : 26 - width, 5 + width : 21 - width] = False
    assert (red == expected).all() and (pixels[~expected] == 255).all()


def dark(pixels: np.ndarray) -> np.ndarray:
    return np.argwhere(pixels.max(-1) < 100)


def test_letters_fill_their_boxes_and_not_more() -> None:
    grey, box = Image.new("RGB", (100, 80), (128,) * 3), (10, 20, 70, 60)
    pixels = np.asarray(write_letters(grey.copy(), [Letter("B", box)], masked=True))
    ys, xs = dark(pixels).T
    assert ys.min() >= 20 and ys.max() <= 60 and xs.min() >= 10 and xs.max() <= 70
    assert ys.max() - ys.min() > 20, "as large as the box allows"
    assert abs((xs.min() + xs.max()) / 2 - 40) < 4, "in the middle"
    assert (pixels[21, 11] == 255).all() and (pixels[0, 0] == 128).all()
    plain = np.asarray(write_letters(grey.copy(), [Letter("B", box)], masked=False))
    assert (plain[21, 11] == 128).all() and len(dark(plain)) == pytest.approx(len(dark(pixels)), rel=0.2)


def test_a_letter_in_a_box_of_one_pixel_is_written_all_the_same() -> None:
    pixels = np.asarray(write_letters(Image.new("RGB", (9, 9), "blue"), [Letter("W", (3, 3, 4, 4))], masked=True))
    assert (pixels[3, 3] != (0, 0, 255)).any() and (pixels[8, 8] == (0, 0, 255)).all()
