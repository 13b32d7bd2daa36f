from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.errors import DataError
from pali3kit.masks.codec import PALI, RegionFormat

CODES = list(range(81, 97))


def tokens_of(codes):
    return " ".join(map("<mask_token {}>".format, codes))


TOKENS = tokens_of(CODES)


@st.composite
def boxes(draw):
    """An image's size and a box of whole pixels in it."""
    height, width = draw(st.integers(1, 2000)), draw(st.integers(1, 2000))
    y0, x0 = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    y1, x1 = draw(st.integers(y0 + 1, height)), draw(st.integers(x0 + 1, width))
    return height, width, (y0, x0, y1, x1)


def test_the_papers_format():
    assert PALI.write_box((348, 543, 684, 664), 999, 999) == "348 543 684 664"
    assert RegionFormat(32).write_box((0, 0, 64, 32), 64, 64) == "0 0 31 16"
    assert PALI.write("348 543 684 664", [81, 10]) == "348 543 684 664 <mask_token 81> <mask_token 10>"


@settings(deadline=None)
@given(boxes(), st.sampled_from([2, 16, 32, 100, 1000]), st.lists(st.integers(0, 127), min_size=16, max_size=16))
def test_round_trip_within_half_a_bin(case, bins, codes):
    height, width, box = case
    regions = RegionFormat(bins)
    read_box, read_codes = regions.read(regions.write(regions.write_box(box, height, width), codes))
    assert read_codes == codes
    for side, i in ((height, 0), (width, 1)):
        low, high = box[i] / side, box[i + 2] / side
        half = 0.5 / (bins - 1) + 1e-9
        if round(low * (bins - 1)) < round(high * (bins - 1)):
            assert abs(read_box[i] - low) <= half and abs(read_box[i + 2] - high) <= half
        else:  # thinner than a bin: one bin wide, and still no corner is off by more than a bin and a half
            assert read_box[i + 2] - read_box[i] == pytest.approx(1 / (bins - 1))
            assert max(abs(read_box[i] - low), abs(read_box[i + 2] - high)) <= 3 * half


@pytest.mark.parametrize(
    "text", ["10 20 30 40 ", "\t10 20\n30 40", "10 20 30 40 and words", "10 20 30 40 cat ; 1 2 3 4"]
)
def test_boxes_that_are_read_without_a_mask(text):
    box, codes = PALI.read(text)
    assert box == pytest.approx((10 / 999, 20 / 999, 30 / 999, 40 / 999))
    assert codes is None


@pytest.mark.parametrize("text", [f"10 20 30 40 {TOKENS}", f" 10  20 30 40{TOKENS.replace('> <', '><')} fox"])
def test_regions_that_are_read(text):
    box, codes = PALI.read(text)
    assert box is not None
    assert codes == CODES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a fox",
        "10 20 30",
        "10 20 30 40 50",
        "10 20 30 40.5",
        "10 20 30 -40",
        "10 20 30 1000",
        "10 20 10 40",
        "30 20 10 40",
        "10 40 30 20",
        "10, 20, 30, 40",
        "the 10 20 30 40",
        "٣٤ ٥ ٤٠ ٥٠",
        "1 2 3 " + "9" * 5000,
        TOKENS,
    ],
)
def test_boxes_that_are_invalid(text):
    assert PALI.read(f"{text} {TOKENS}") == (None, None)
    assert PALI.read(text) == (None, None)


@pytest.mark.parametrize(
    "tokens",
    [
        "",
        tokens_of(CODES[:15]),
        tokens_of([*CODES, 3]),
        tokens_of([*CODES[:15], 128]),
        f"fox {TOKENS}",
        f"<mask_token> {TOKENS}",
        f"<mask_token {'9' * 5000}> {TOKENS}",
    ],
    ids=["none", "15", "17", "out of range", "word first", "no number", "huge"],
)
def test_masks_that_are_invalid(tokens):
    box, codes = PALI.read(f"10 20 30 40 {tokens}")
    assert box is not None
    assert codes is None


@settings(deadline=None)
@given(st.text(alphabet="0123456789 <>mask_token"))
def test_any_text_is_read(text):
    box, codes = RegionFormat(32, 8).read(text)
    assert box is None or (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1)
    assert codes is None or (box is not None and len(codes) == 16 and max(codes) < 8)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (-1, 0, 5, 5), (0, 0, 5, 21), (0, 0, 11, 5)])
def test_boxes_that_cannot_be_written(box):
    with pytest.raises(DataError, match="empty or outside an image of 10x20"):
        RegionFormat(32).write_box(box, 10, 20)


def test_bins_that_cannot_be():
    with pytest.raises(DataError, match="at least 2 bins"):
        RegionFormat(1).write_box((0, 0, 1, 1), 10, 20)
