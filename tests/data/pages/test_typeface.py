import numpy as np
import pytest
from PIL import Image

from pali3kit.data.pages import scripts, typeface
from pali3kit.errors import DataError


@pytest.mark.parametrize("face", typeface.FACES)
@pytest.mark.parametrize("height", [9, 18, 40])
def test_boxes_are_tight_around_the_ink(face, height):
    coverage, baseline, (y0, x0, y1, x1) = typeface.word_coverage("Bag", face, height)
    assert 0 <= y0 < baseline < y1 <= coverage.shape[0] and 0 <= x0 < x1 <= coverage.shape[1]
    ink = coverage >= 64
    assert ink.sum() == ink[y0:y1, x0:x1].sum() > 0
    assert ink[y0].any() and ink[y1 - 1].any() and ink[:, x0].any() and ink[:, x1 - 1].any()


def test_small_letters_are_five_pixels_high_at_an_em_of_nine():
    _, _, (top, _, bottom, _) = typeface.word_coverage("zux", "sans", 9)
    assert bottom - top == 5
    _, baseline, box = typeface.word_coverage("zx", "sans", 18)
    assert (box[2] - box[0], box[2]) == (10, baseline)


@pytest.mark.parametrize("face", typeface.FACES)
def test_words_look_like_large_ones(face):
    small, large = (typeface.word_coverage("Motif", face, height)[0] for height in (12, 48))
    scaled = np.asarray(Image.fromarray(large).resize(small.shape[::-1], Image.Resampling.BOX))
    assert np.corrcoef(small.ravel(), scaled.ravel())[0, 1] > 0.75


def test_condensed_words_are_narrower_and_as_high():
    (wide, _, tall), (narrow, _, box) = (typeface.word_coverage("Motif", "sans", 20, part) for part in (1.0, 0.75))
    assert abs(narrow.shape[1] - 0.75 * wide.shape[1]) <= 2
    assert (tall[0], tall[2]) == (box[0], box[2])


def test_every_letter_of_every_script_has_its_own_glyph():
    for script, letters in scripts.LETTERS.items():
        alone = {letter: typeface.word_coverage(letter, "sans", 48)[0].tobytes() for letter in letters}
        assert len(set(alone.values())) == len(letters), script


def test_other_scripts_are_drawn_in_sans_whatever_the_face():
    for word in ("жук", "אבג", "بيت", "βετα"):
        plain = typeface.word_coverage(word, "sans", 20)[0]
        assert np.array_equal(typeface.word_coverage(word, "mono", 20)[0], plain)


def test_widths_add_up():
    one, two = typeface.text_width("Bako", 12), typeface.text_width("mil", 12)
    assert typeface.text_width("Bako mil", 12) == one + two + typeface.space_width(12)
    assert typeface.text_width("Bako", 24) == pytest.approx(2 * one, abs=2)


def test_unknown_faces_and_characters_are_refused():
    with pytest.raises(DataError, match=r"no typeface 'snas' for pages.*'sans'"):
        typeface.word_coverage("漢", "snas", 12)
    with pytest.raises(DataError, match=r"typeface 'sans' has no character '漢' \(U\+6F22\)"):
        typeface.word_coverage("漢", "sans", 12)


def test_lines_in_hebrew_begin_at_the_right():
    assert typeface.line_order("one two") == ["one", "two"]
    assert typeface.line_order("אבג דהו") == ["דהו", "אבג"]
