"""What holds for pages of every kind."""

import hashlib

import numpy as np
import pytest
from PIL import Image
from reading import drawn_pages

from pali3kit.data.pages.lexicon import SPLITS
from pali3kit.data.pages.pages import PAGE, Pages
from pali3kit.data.pages.typeface import FACES, word_coverage
from pali3kit.errors import DataError, RegistryError

KINDS = PAGE.names()
GROUPS = dict.fromkeys(("chart_bar", "chart_line", "chart_pie"), ("augmented", "human"))
GROUPS["crowd"] = ("simple", "complex")
"""Kinds of questions that are groups of a benchmark."""
DRAWN = {
    "cover": "", "form": "", "letter": "", "poster": "", "receipt": "", "sign": "", "table": "",
}  # fmt: skip
"""The start of the SHA-256 of six images of each kind."""


def digest_of(kind, size):
    images = [drawing.image.tobytes() for _, drawing in drawn_pages(kind, 6, size)]
    return hashlib.sha256(b"".join(images)).hexdigest()[:12]


@pytest.mark.parametrize("kind", DRAWN)
def test_images_stay_the_same_bytes(kind):
    assert digest_of(kind, 128) == DRAWN[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [96, 128, 200, 256])
def test_words_lie_inside_and_have_ink(kind, size):
    for page, drawing in drawn_pages(kind, 30, size):
        assert drawing.image.shape == (size, size, 3) and drawing.image.dtype == np.uint8
        grey = drawing.image.astype(int).mean(axis=2)
        for word in drawing.words:
            y0, x0, y1, x1 = word.box
            assert 0 <= y0 < y1 <= size and 0 <= x0 < x1 <= size, (page.split, page.index, word)
            assert np.ptp(grey[y0:y1, x0:x1]) > 60, (page.split, page.index, word)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [96, 128])
def test_words_do_not_overlap(kind, size):
    """By their boxes, of which descenders may touch the line below."""
    for page, drawing in drawn_pages(kind, 30, size):
        for i, word in enumerate(drawing.words):
            for other in drawing.words[i + 1 :]:
                high = min(word.box[2], other.box[2]) - max(word.box[0], other.box[0])
                wide = min(word.box[3], other.box[3]) - max(word.box[1], other.box[1])
                assert high <= 2 or wide <= 1, (page.split, page.index, word, other)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_a_function_of_their_number(kind):
    first, second = Pages([kind]), Pages()
    for split in SPLITS:
        for index in (0, 7):
            page = first.page(split, kind, index)
            assert page == second.page(split, kind, index)
            assert np.array_equal(first.draw(page).image, second.draw(page).image)
    assert first.page("train", kind, 1) != first.page("train", kind, 2)
    assert first.page("train", kind, 1).facts != Pages([kind], seed=1).page("train", kind, 1).facts


@pytest.mark.parametrize("kind", KINDS)
def test_splits_share_no_text_to_be_read(kind):
    said = {split: set() for split in SPLITS}
    for page, _ in drawn_pages(kind, 200):
        said[page.split] |= {q.answer.lower() for q in page.questions if q.kind == "text" and len(q.answer) > 1}
    assert not said["train"] & said["test"]


@pytest.mark.parametrize("kind", KINDS)
def test_splits_share_no_layout(kind):
    layouts = {split: set() for split in SPLITS}
    for page, _ in drawn_pages(kind, 200):
        layouts[page.split].add(getattr(page.facts, "layout", page.split))
    assert not layouts["train"] & layouts["test"]


@pytest.mark.parametrize("kind", KINDS)
def test_questions_are_complete_and_captions_true_to_form(kind):
    for page, _ in drawn_pages(kind, 200):
        assert (page.questions or kind == "widget") and page.captions
        for question in page.questions:
            assert "?" in question.text and question.answer and question.answers[0] == question.answer
            assert question.kind in GROUPS.get(kind, ("text", "choice", "number", "yes/no")), question
        assert len({question.text for question in page.questions}) == len(page.questions), page
        assert all(caption == caption.strip() and caption for caption in page.captions)


@pytest.mark.parametrize("kind", ["form", "receipt", "letter", "poster", "cover", "sign"])
def test_words_can_be_read_at_128_pixels(kind):
    """A reader that compares with large letters, one of which is exchanged in each of the other words, is right."""
    right = []
    for _, drawing in drawn_pages(kind, 16):
        for word in [word for word in drawing.words if len(word.text) > 3][::4]:
            right.append(reads(drawing, word))
    assert len(right) > 25 and np.mean(right) >= 0.95


def reads(drawing, word):
    y0, x0, y1, x1 = word.box
    seen = drawing.image[y0:y1, x0:x1].astype(float).mean(axis=2)
    letters = "abdegiklmnoprstuvz" if word.text[-1].isascii() else "".join(sorted(set(word.text))) + "אבלмнтвαλτبمس"
    rng = np.random.default_rng(len(word.text))
    others = set()
    for place in range(len(word.text)):
        for letter in rng.choice([*"0123456789"] if word.text[place].isdigit() else [*letters], 4):
            others.add(word.text[:place] + str(letter) + word.text[place + 1 :])
    score = {text: max(likeness(seen, text, face) for face in FACES) for text in others | {word.text}}
    return max(score, key=score.get) == word.text


def likeness(seen, text, face):
    """The absolute correlation with a word in large letters, scaled to the same box."""
    coverage, _, (y0, x0, y1, x1) = word_coverage(text, face, 48)
    large = Image.fromarray(coverage[y0:y1, x0:x1])
    scaled = np.asarray(large.resize(seen.shape[::-1], Image.Resampling.BOX)).astype(float)
    return abs(np.corrcoef(seen.ravel(), scaled.ravel())[0, 1])


def test_the_digest_covers_all_options():
    plain = Pages(["form"])
    others = [Pages(["table"]), Pages(["form", "table"]), Pages(["form"], 256), Pages(["form"], seed=1)]
    assert len({plain.digest, *(other.digest for other in others)}) == 5
    assert plain.digest == Pages(["form"]).digest and len(plain.digest) == 64


def test_all_kinds_by_default():
    assert Pages().kinds == tuple(KINDS)


def test_wrong_options_are_refused():
    with pytest.raises(RegistryError, match=r"unknown page 'from'.*'form'"):
        Pages(["from"])
    with pytest.raises(DataError, match=r"pages.image_size: 64: must be at least 96"):
        Pages(image_size=64)
    with pytest.raises(DataError, match=r"no split 'tset' of pages"):
        Pages().page("tset", "form", 0)
