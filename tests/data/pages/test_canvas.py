import numpy as np
import pytest

from pali3kit.data.pages.canvas import BLACK, WHITE, Canvas, around, legible_em
from pali3kit.data.pages.typeface import text_width


@pytest.mark.parametrize(("size", "em"), [(96, 9), (128, 9), (256, 18), (512, 36)])
def test_legible_text_scales_with_the_image_but_not_below_nine_pixels(size, em):
    assert legible_em(size) == Canvas(size).em == em
    assert Canvas(size).px(4) == 4 * size // 128


def test_words_are_recorded_with_boxes_that_hold_their_ink():
    canvas = Canvas(128)
    box = canvas.text("Total 3.20", 10, 5)
    assert [word.text for word in canvas.drawing().words] == ["Total", "3.20"]
    assert around([word.box for word in canvas.words]) == box
    outside = canvas.image.copy()
    y0, x0, y1, x1 = box
    assert (outside[y0:y1, x0:x1].min(axis=(0, 1)) < 80).all()
    outside[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1] = WHITE
    assert (outside == WHITE).all()


@pytest.mark.parametrize(("align", "edge"), [("left", lambda box: box[1]), ("right", lambda box: box[3])])
def test_text_is_aligned(align, edge):
    assert abs(edge(Canvas(128).text("mink", 10, 60, align=align)) - 60) <= 2
    left, right = Canvas(128).text("mink", 10, 60, align="middle")[1::2]
    assert abs((left + right) / 2 - 60) <= 1.5


def test_text_that_is_too_wide_becomes_smaller_then_narrower_but_stays_legible():
    canvas, text = Canvas(128), "Registration"
    width = text_width(text, 14)
    box = canvas.text(text, 10, 2, 14, width=width * 9 // 14)
    assert box[3] - box[1] <= width * 9 // 14 + 1
    narrow = canvas.text(text, 40, 2, 14, width=width // 2)
    assert narrow[3] - narrow[1] < box[3] - box[1] and abs((narrow[2] - narrow[0]) - (box[2] - box[0])) <= 1


def test_hebrew_lines_run_to_the_left_and_are_recorded_as_read():
    canvas = Canvas(128)
    canvas.text("אבג דהו", 10, 5)
    first, second = canvas.words
    assert (first.text, second.text) == ("אבג", "דהו") and first.box[1] > second.box[3]


def test_text_beyond_the_edge_is_clipped():
    canvas = Canvas(128)
    canvas.text("Total", 200, 5)
    canvas.text("Total", -100, 5)
    canvas.text("Total", 10, 300)
    assert (canvas.image == WHITE).all()
    canvas.text("Total", 124, 110)
    assert (canvas.image != WHITE).any()


def test_boxes_frames_and_rules_are_where_they_should_be():
    canvas = Canvas(128)
    canvas.fill((10, 20, 30, 50), (200, 0, 0))
    assert (canvas.image == (200, 0, 0)).all(axis=2).sum() == 20 * 30
    canvas.frame((40, 40, 60, 80), BLACK, 2)
    assert (canvas.image == BLACK).all(axis=2).sum() == 20 * 40 - 16 * 36
    canvas.rule(100, 10, 50, BLACK, dash=4)
    row = (canvas.image[100] == BLACK).all(axis=1)
    assert row.sum() == 20 and row[10:14].all() and not row[14:18].any()


def test_round_corners_are_free_and_edges_smooth():
    canvas = Canvas(128)
    canvas.fill((10, 10, 50, 70), (0, 0, 200), radius=8)
    assert (canvas.image[10, 10] == WHITE).all() and (canvas.image[30, 10] == (0, 0, 200)).all()
    mixed = ~((canvas.image == WHITE) | (canvas.image == (0, 0, 200))).all(axis=2)
    assert 8 < mixed.sum() < 60


def test_icons_are_centred_in_their_square():
    canvas = Canvas(128)
    y0, x0, y1, x1 = canvas.icon("🍌", 20, 30, 40)
    assert max(y1 - y0, x1 - x0) == 40 and y0 >= 20 and x0 >= 30
    assert abs((y0 + y1) / 2 - 40) <= 1 and abs((x0 + x1) / 2 - 50) <= 1
    changed = (canvas.image != WHITE).any(axis=2)
    assert changed[y0:y1, x0:x1].sum() == changed.sum() > 300


def test_noise_is_small_and_always_the_same():
    canvas, again = Canvas(128), Canvas(128)
    canvas.grain(3)
    again.grain(3)
    difference = np.abs(canvas.image.astype(int) - np.array(WHITE))
    assert (canvas.image == again.image).all() and 2 <= difference.max() <= 6
    assert not (canvas.image == _grained(4)).all()


def _grained(seed):
    canvas = Canvas(128)
    canvas.grain(seed)
    return canvas.image
