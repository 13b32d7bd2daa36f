"""PaliGemma's regions: by hand, and the same as ours with 1024 bins."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.errors import DataError
from pali3kit.masks.codec import PALI, PALIGEMMA, RegionFormat

NUMBERS = RegionFormat(1024)
CODES = list(range(112, 128))
TOKENS = "".join(f"<seg{code}>" for code in CODES)
BOX = "<loc0010><loc0020><loc0030><loc0040>"


@st.composite
def boxes(draw: st.DrawFn) -> tuple[int, int, tuple[int, int, int, int]]:
    """An image's size and a box of whole pixels in it."""
    height, width = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
    y0, x0 = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return height, width, (y0, x0, draw(st.integers(y0 + 1, height)), draw(st.integers(x0 + 1, width)))


codes_of_a_mask = st.lists(st.integers(0, 127), min_size=16, max_size=16)


def test_written_by_hand() -> None:
    assert PALIGEMMA.write_box((0, 0, 480, 640), 480, 640) == "<loc0000><loc0000><loc1023><loc1023>"
    # 48/480*1023 = 102.3, 80/640*1023 = 127.875, 336/480*1023 = 716.1, 600/640*1023 = 959.06
    assert PALIGEMMA.write_box((48, 80, 336, 600), 480, 640) == "<loc0102><loc0128><loc0716><loc0959>"
    assert PALIGEMMA.write_box((1, 0, 3, 4), 4, 4) == "<loc0256><loc0000><loc0767><loc1023>"  # 255.75 and 767.25
    assert PALIGEMMA.write(BOX, [0, 7, 81, 127]) == f"{BOX}<seg000><seg007><seg081><seg127>"


def test_a_box_thinner_than_a_step_can_be_read() -> None:
    assert PALIGEMMA.write_box((0, 1000, 1, 1001), 4096, 4096) == "<loc0000><loc0250><loc0001><loc0251>"
    assert PALIGEMMA.write_box((4095, 0, 4096, 9), 4096, 4096) == "<loc1022><loc0000><loc1023><loc0002>"


@settings(deadline=None)
@given(boxes(), codes_of_a_mask)
def test_it_is_our_convention_with_1024_bins(
    case: tuple[int, int, tuple[int, int, int, int]], codes: list[int]
) -> None:
    height, width, box = case
    theirs = PALIGEMMA.write(PALIGEMMA.write_box(box, height, width), codes)
    ours = NUMBERS.write(NUMBERS.write_box(box, height, width), codes)
    assert PALIGEMMA.read(theirs) == NUMBERS.read(ours) and PALIGEMMA.read(theirs)[1] == codes
    assert NUMBERS.convert(ours, PALIGEMMA) == theirs
    assert PALIGEMMA.convert(theirs, NUMBERS) == ours


@settings(deadline=None)
@given(boxes(), codes_of_a_mask)
def test_other_bins_move_corners_by_half_a_step(
    case: tuple[int, int, tuple[int, int, int, int]], codes: list[int]
) -> None:
    height, width, box = case
    ours = PALI.write(PALI.write_box(box, height, width), codes)
    before, (after, kept) = PALI.read(ours)[0], PALIGEMMA.read(PALI.convert(ours, PALIGEMMA) or "")
    assert kept == codes and before is not None
    assert after == pytest.approx(before, abs=0.5 / 1023 + 1e-9)


@pytest.mark.parametrize("text", [f"{BOX}{TOKENS}", f" {BOX} {TOKENS} fox", BOX.replace("><", "> <") + TOKENS])
def test_regions_that_are_read(text: str) -> None:
    assert PALIGEMMA.read(text) == ((10 / 1023, 20 / 1023, 30 / 1023, 40 / 1023), CODES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a fox",
        TOKENS,
        f"fox {BOX}",
        "10 20 30 40 ",
        "<loc0010><loc0020><loc0030>",
        f"{BOX}<loc0050>",
        "<loc0010><loc0020><loc0030><loc1024>",
        "<loc0010><loc0020><loc0010><loc0040>",
        "<loc0030><loc0020><loc0010><loc0040>",
        "<loc0010><loc0040><loc0030><loc0020>",
        "<loc10><loc20><loc30><loc40>",
        "<loc٠٠١٠><loc0020><loc0030><loc0040>",
        "1<loc0010><loc0020><loc0030><loc0040>",
    ],
)
def test_boxes_that_are_invalid(text: str) -> None:
    assert PALIGEMMA.read(text + TOKENS) == PALIGEMMA.read(text) == (None, None)
    assert PALIGEMMA.convert(text, PALI) is None


@pytest.mark.parametrize(
    "tokens",
    ["", TOKENS[:-8], f"{TOKENS}<seg003>", f"{TOKENS[:-8]}<seg128>", f"fox{TOKENS}", f"{TOKENS[:-8]}<seg3>"],
    ids=["none", "15", "17", "out of range", "word first", "another format"],
)
def test_masks_that_are_invalid(tokens: str) -> None:
    assert PALIGEMMA.read(BOX + tokens) == ((10 / 1023, 20 / 1023, 30 / 1023, 40 / 1023), None)
    assert PALIGEMMA.convert(BOX + tokens, NUMBERS) == "10 20 30 40"


@settings(deadline=None)
@given(st.text(alphabet="0123456789 <>locseg"))
def test_any_text_is_read(text: str) -> None:
    box, codes = PALIGEMMA.read(text)
    assert box is None or (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1)
    assert codes is None or (box is not None and len(codes) == 16 and max(codes) < 128)


def test_what_cannot_be_written() -> None:
    with pytest.raises(DataError, match="empty or outside an image of 10x20"):
        PALIGEMMA.write_box((0, 0, 5, 21), 10, 20)
    with pytest.raises(DataError, match=r"there are 128 mask tokens, counted from 0, but the codes are \[5, 128\]"):
        PALIGEMMA.write(BOX, [5, 128])


def test_boxes_without_a_mask_are_rewritten_too() -> None:
    assert PALI.convert("0 0 999 999 fox", PALIGEMMA) == "<loc0000><loc0000><loc1023><loc1023>"
    assert PALI.convert("a fox", PALIGEMMA) is None
