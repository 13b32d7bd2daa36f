"""Masks of run lengths and polygons against hand-drawn ones and pycocotools."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from pali3kit.errors import DataError
from pali3kit.masks.shapes import polygons_mask, read_runs, row_runs, runs_mask

SIDES = st.integers(1, 40)
SQUARE = [1.0, 1.0, 3.0, 1.0, 3.0, 3.0, 1.0, 3.0]
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
        ([3, 2], r"runs of 5 pixels in all, in an image of 4x4"),
        ([3, 200], r"runs of 203 pixels in all"),
    ],
)
def test_runs_that_do_not_fill_the_image_are_refused(counts: list[int], told: str) -> None:
    with pytest.raises(DataError, match=told):
        runs_mask(counts, 4, 4)


def test_what_is_no_compressed_notation_is_refused() -> None:
    with pytest.raises(DataError, match="a character 'é'"):
        read_runs("é")
    with pytest.raises(DataError, match="end within a number"):
        read_runs("P")  # its sixth bit says that more follows
    with pytest.raises(DataError, match="a number of more than 60 bits"):
        read_runs("o" * 1_000_000)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_mask_or_an_error(text: str) -> None:
    with suppress(DataError):
        assert runs_mask(read_runs(text), 6, 8).shape == (6, 8)


@pytest.mark.parametrize("size", [(0, 4), (4, -4), (200_000, 200_000), (10**30, 1)])
def test_what_is_no_size_of_a_image_costs_nothing(size: tuple[int, int]) -> None:
    for make in (lambda: runs_mask([size[0] * size[1]], *size), lambda: polygons_mask([SQUARE], *size)):
        with pytest.raises(DataError, match=r"a mask of -?\d+x-?\d+: it should have 1 to 100 million pixels"):
            make()


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
    """Including polygons that cross themselves, or leave the image by up to its side."""
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
        ([], "a polygon of 0 numbers"),
        ([1e300, 1.0, 2.0, 2.0, 3.0, 3.0], r"\(1e\+300, 1\) is far outside"),
        ([1.0, float("-inf"), 2.0, 2.0, 3.0, 3.0], r"\(1, -inf\) is far outside"),
        ([1e9, 1.0, 2.0, 2.0, 3.0, 3.0], r"\(1e\+09, 1\) is far outside an image of 4x4"),
        ([float("nan"), 1.0, 2.0, 2.0, 3.0, 3.0], r"\(nan, 1\) is far outside"),
    ],
)
def test_what_is_no_polygon_in_the_image_is_refused(polygon: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        polygons_mask([polygon], 4, 4)


def test_parts_without_an_area_add_nothing() -> None:
    square = polygons_mask([SQUARE], 4, 4)
    assert square.sum() == 4
    for part in ([], [2.0, 2.0], [0.0, 0.0, 4.0, 4.0]):
        np.testing.assert_array_equal(polygons_mask([part, SQUARE, part], 4, 4), square)


@given(st.data(), st.integers(100, 700), st.integers(100, 700))
@settings(max_examples=40, deadline=None)
def test_large_polygons_are_pycocotools_pixels(data: st.DataObject, height: int, width: int) -> None:
    """Steep and flat edges, half pixels, and edges along the middles of pixels."""
    steps = st.integers(-50, 1050).map(lambda step: step / 1000)
    points = data.draw(st.lists(st.tuples(steps, steps), min_size=3, max_size=60))
    polygon = [round(2 * side * x) / 2 for point in points for side, x in zip((width, height), point, strict=True)]
    expected = coco.decode(coco.merge(coco.frPyObjects([polygon], height, width))).astype(bool)
    np.testing.assert_array_equal(polygons_mask([polygon], height, width), expected)


def test_a_polygon_of_a_million_points() -> None:
    """A polygon of many short edges is drawn; one whose every edge crosses the whole image is refused."""
    angles = np.linspace(0, 2 * np.pi, 1_000_000)
    round_one = np.stack([320 + 200 * np.cos(angles), 240 + 200 * np.sin(angles)], axis=1)
    disc = polygons_mask([round_one.ravel().tolist()], 480, 640)
    assert disc.sum() == pytest.approx(np.pi * 200**2, rel=1e-3)
    to_and_fro = np.stack([np.arange(1_000_000) % 2 * 640, np.arange(1_000_000) / 1e6 * 480], axis=1)
    with pytest.raises(DataError, match=r"polygons whose edges cross \d+ columns of pixels, more than"):
        polygons_mask([to_and_fro.ravel().tolist()], 480, 640)
    assert polygons_mask([SQUARE] * 100_000, 480, 640).sum() == 4


def test_runs_of_rows_are_the_mask() -> None:
    mask = np.random.default_rng(0).random((9, 13)) > 0.5
    again = np.zeros_like(mask)
    for y, x, length in row_runs(mask):
        assert not again[y, x : x + length].any()
        again[y, x : x + length] = True
    assert (again == mask).all()
    assert row_runs(np.zeros((3, 3), bool)) == []
