import numpy as np
import pytest

from pali3kit.data.pages.canvas import WHITE, Canvas
from pali3kit.data.pages.look import ACCENTS, INKS, PAPERS, Look, sample_look


def luminance(colour):
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def test_ink_and_accent_contrast_with_every_paper():
    for paper in PAPERS:
        assert all(luminance(paper) - luminance(dark) > 120 for dark in INKS + ACCENTS)
    assert all(luminance(WHITE) - luminance(accent) > 120 for accent in ACCENTS)


def test_looks_vary():
    draw = np.random.default_rng(0).random
    looks = {sample_look(draw) for _ in range(300)}
    assert {look.paper for look in looks} == set(PAPERS) and {look.accent for look in looks} == set(ACCENTS)
    assert {look.face for look in looks} == {"sans", "serif", "mono"} and len(looks) > 200


@pytest.mark.parametrize(("style", "place"), [(0, "left"), (1, "middle"), (2, "left"), (3, "right")])
def test_headings_stand_where_their_style_says(style, place):
    canvas, look = Canvas(128), Look(WHITE, INKS[0], ACCENTS[0], "sans", 0)
    look.start(canvas)
    below = look.heading(canvas, "Sales", style, 12)
    y0, x0, y1, x1 = canvas.words[0].box
    assert y0 >= 0 and y1 < below < 30
    middle = (x0 + x1) / 2
    assert ("left" if middle < 50 else "right" if middle > 78 else "middle") == place
    assert bool((canvas.image[0] == ACCENTS[0]).all()) == (style == 2)
