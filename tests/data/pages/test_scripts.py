import unicodedata

import pytest

from pali3kit.data.pages import scripts


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("بيت", ["initial", "medial", "final"]),
        ("دار", ["isolated", "isolated", "isolated"]),  # these letters do not join to the next one
        ("كتاب", ["initial", "medial", "final", "isolated"]),
        ("سلام", ["initial", "final", "isolated"]),  # lam and alef are one character
        ("ب", ["isolated"]),
    ],
)
def test_arabic_letters_take_the_form_of_their_place(word, forms):
    drawn = scripts.visual(word)[::-1]
    assert [unicodedata.decomposition(letter).split()[0].strip("<>") for letter in drawn] == forms
    plain = "".join(unicodedata.normalize("NFKC", letter) for letter in drawn)
    assert plain == word


def test_hebrew_runs_from_right_to_left_and_latin_does_not():
    assert scripts.visual("שלום") == "םולש"
    assert scripts.visual("Bako-3.20") == "Bako-3.20"


@pytest.mark.parametrize(
    ("word", "script"),
    [
        ("bako", "latin"),
        ("12.40", "latin"),
        ("βετα", "greek"),
        ("жук", "cyrillic"),
        ("אבג", "hebrew"),
        ("بيت", "arabic"),
    ],
)
def test_scripts_are_recognised(word, script):
    assert scripts.script_of(word) == script
    assert scripts.is_right_to_left(word) == (script in scripts.RIGHT_TO_LEFT)


def test_every_arabic_letter_has_its_forms():
    forms = scripts.arabic_forms()
    assert set(scripts.LETTERS["arabic"]) <= set(forms)
    assert {len(known) for known in forms.values()} == {2, 4}
