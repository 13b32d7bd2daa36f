"""Masks of run lengths and polygons against hand-drawn ones and pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from pali3kit.errors import DataError
from pali3kit.masks.shapes import polygons_mask, read_runs, runs_mask

SIDES = st.integers(1, 40)
FAR = st.floats(-1, 2)  # of a side


def drawn(*rows: str) -> np.ndarray:
    return np.array([[character == "#" for character in row] for row in rows])


def test_runs_go_down_the_columns_and_begin_outside() -> None:
    np.testing.assert_array_equal(runs_mask([1, 3, 2], 2, 3), drawn(".#.", "##."))
    np.testing.assert_array_equal(runs_mask([0, 2, 4], 2, 3), drawn("#..", "#.."))


@given(st.integers(0, 2**32 - 1), SIDES, SIDES)
@settings(max_examples=100, deadline=None)
def test_compressed_runs_are_read_as_pycocotools_wrote_them(seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    written = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    np.testing.assert_array_equal(runs_mask(read_runs(written), height, width), mask)


def test_long_runs_take_several_characters() -> None:
    mask = np.zeros((700, 900), np.bool_)
    mask[300:650, 17:840] = True
    written = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    np.testing.assert_array_equal(runs_mask(read_runs(written), 700, 900), mask)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([3, -2, 15], "a run of -2 pixels"),
        ([3, 2], r"runs of 5 pixels in all, in a picture of 4x4"),
        ([3, 200], r"runs of 203 pixels in all"),
    ],
)
def test_runs_that_do_not_fill_the_picture_are_refused(counts: list[int], told: str) -> None:
    with pytest.raises(DataError, match=told):
        runs_mask(counts, 4, 4)


def test_what_is_no_compressed_notation_is_refused() -> None:
    with pytest.raises(DataError, match="a character 'é'"):
        read_runs("é")
    with pytest.raises(DataError, match="end within a number"):
        read_runs("P")  # its sixth bit says that more follows


def test_a_rectangle_covers_the_pixels_whose_middle_it_holds() -> None:
    expected = drawn("....", ".##.", ".##.", "....")
    np.testing.assert_array_equal(polygons_mask([[1, 1, 3, 1, 3, 3, 1, 3]], 4, 4), expected)
    np.testing.assert_array_equal(polygons_mask([[0.7, 0.7, 2.7, 0.7, 2.7, 2.7, 0.7, 2.7]], 4, 4), expected)


def test_several_polygons_are_one_mask() -> None:
    two = polygons_mask([[0, 0, 2, 0, 2, 2, 0, 2], [1, 1, 4, 1, 4, 4, 1, 4]], 4, 4)
    np.testing.assert_array_equal(two, drawn("##..", "####", ".###", ".###"))


@given(st.lists(st.lists(st.tuples(FAR, FAR), min_size=3, max_size=8), min_size=1, max_size=3), SIDES, SIDES)
@settings(max_examples=400, deadline=None)
def test_polygons_are_pycocotools_pixels(polygons: list[list[tuple[float, float]]], height: int, width: int) -> None:
    """Also those that cross themselves or leave the picture, by up to its side."""
    scaled = [
        [side * x for point in polygon for side, x in zip((width, height), point, strict=True)] for polygon in polygons
    ]
    expected = coco.decode(coco.merge(coco.frPyObjects(scaled, height, width))).astype(bool)
    np.testing.assert_array_equal(polygons_mask(scaled, height, width), expected)


@given(st.lists(st.tuples(st.integers(-3, 15), st.integers(-3, 15)), min_size=3, max_size=9))
@settings(max_examples=200, deadline=None)
def test_polygons_of_whole_numbers_are_pycocotools_pixels(points: list[tuple[int, int]]) -> None:
    polygon = [float(x) for point in points for x in point]
    expected = coco.decode(coco.merge(coco.frPyObjects([polygon], 12, 12))).astype(bool)
    np.testing.assert_array_equal(polygons_mask([polygon], 12, 12), expected)


@pytest.mark.parametrize(
    ("polygon", "told"),
    [
        ([1.0, 1.0, 2.0, 2.0], "a polygon of 4 numbers"),
        ([1.0, 1.0, 2.0, 2.0, 3.0, 1.0, 4.0], "a polygon of 7 numbers"),
        ([1e9, 1.0, 2.0, 2.0, 3.0, 3.0], r"\(1e\+09, 1\) is far outside a picture of 4x4"),
        ([float("nan"), 1.0, 2.0, 2.0, 3.0, 3.0], r"\(nan, 1\) is far outside"),
    ],
)
def test_what_is_no_polygon_in_the_picture_is_refused(polygon: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        polygons_mask([polygon], 4, 4)
