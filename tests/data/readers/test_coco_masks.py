"""Masks of COCO's JSON, compared with pycocotools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from pali3kit.data.readers.coco_instances import read_mask
from pali3kit.errors import DataError

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30), st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.floats(0, 30)
)
SHAPES = st.one_of(
    NUMBERS,
    st.lists(NUMBERS, max_size=9),
    st.lists(st.lists(NUMBERS, max_size=9), max_size=4),
    st.fixed_dictionaries({"size": st.one_of(st.just([20, 30]), st.lists(NUMBERS, max_size=3)),
                           "counts": st.one_of(st.lists(NUMBERS, max_size=9), st.text(max_size=9))}),
)  # fmt: skip


@given(SHAPES)
@settings(max_examples=150, deadline=None)
def test_any_json_is_a_mask_or_a_data_error(shape: Any) -> None:
    try:
        assert read_mask(shape, (20, 30), "here").shape == (20, 30)
    except DataError as error:
        assert str(error).startswith("here: ")


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_run_lengths_of_both_notations(seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    turns = np.flatnonzero(np.diff(np.concatenate([[False], mask.T.ravel()]).astype(int)))
    counts = np.diff(np.concatenate([[0], turns, [mask.size]])).tolist()
    size = [height, width]
    for shape in ({"size": size, "counts": packed["counts"].decode()}, {"size": size, "counts": counts}):
        for written in (shape, [shape], [shape, shape]):
            np.testing.assert_array_equal(read_mask(written, (height, width), "here"), mask)


@given(st.lists(st.lists(st.integers(0, 30), min_size=0, max_size=9), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_polygons_with_several_parts(parts: list[list[int]]) -> None:
    """Only parts that pycocotools reads the same way: it takes a part of four numbers for a box."""
    parts = [part[: len(part) // 2 * 2] for part in parts]
    taken = [part for part in parts if len(part) >= 6]
    if not taken:
        with pytest.raises(DataError, match=r"here: a polygon of \d numbers: it needs x and y of three points"):
            read_mask(parts, (30, 30), "here")
        return
    expected = coco.decode(coco.merge([coco.frPyObjects([part], 30, 30)[0] for part in taken])).astype(bool)
    np.testing.assert_array_equal(read_mask(parts, (30, 30), "here"), expected)
