"""What holds for pages of every kind."""

import functools
import hashlib
import re

import numpy as np
import pytest
from PIL import Image
from reading import drawn_pages

from pali3kit.data.pages.lexicon import _EXCLUDED, SPLITS, owner
from pali3kit.data.pages.pages import PAGE, Pages
from pali3kit.data.pages.scripts import LETTERS, script_of
from pali3kit.data.pages.typeface import FACES, word_coverage
from pali3kit.errors import DataError, RegistryError

KINDS = PAGE.names()
GROUPS = dict.fromkeys(("chart_bar", "chart_line", "chart_pie"), ("augmented", "human"))
GROUPS["crowd"] = ("simple", "complex")
"""Kinds of questions that are groups of a benchmark."""
DRAWN = {
    "chart_bar": "f48c9d96ff58",
    "chart_line": "6fdfc8cf50cb",
    "chart_pie": "6cbd6b71f6b5",
    "cover": "358c25641160",
    "crowd": "d7ccf8e04e66",
    "diagram": "c36314a37726",
    "form": "6671bd197c65",
    "letter": "52277c172cdb",
    "poster": "9393652f5702",
    "receipt": "303983f4c1d3",
    "screen": "3405b29b74a6",
    "sign": "ef6620abccac",
    "table": "7f342182bb15",
    "widget": "956a05bbac73",
}
"""The start of the SHA-256 of six images of each kind."""


@functools.cache
def some_pages(kind):
    pages = Pages([kind])
    return [pages.page(SPLITS[index % 2], kind, index) for index in range(200)]


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
    for page in some_pages(kind):
        said[page.split] |= {q.answer.lower() for q in page.questions if q.kind == "text" and len(q.answer) > 1}
    assert not said["train"] & said["test"]


@pytest.mark.parametrize("kind", KINDS)
def test_invented_words_and_numbers_are_printed_in_one_split_only(kind):
    """All of the shape of an invented word, but for labels that `Lexicon` never makes; and numbers of three digits or
    with a point, but for years and the round ones at the axes of charts.
    """
    numbers = {split: set() for split in SPLITS}
    for page, drawing in drawn_pages(kind, 100):
        for text in (word.text.strip(".,:$€£%").lower() for word in drawing.words):
            if re.fullmatch(r"([bdfgklmnprstvz][aeiou]){2,3}", text) and text not in _EXCLUDED:
                assert owner(text) == page.split, (page.index, text)
            if re.fullmatch(r"\d{3,}|\d+\.\d\d", text) and not re.fullmatch(r"(19|20)\d\d", text):
                numbers[page.split].add(text)
    assert kind.startswith("chart") or not numbers["train"] & numbers["test"]


@pytest.mark.parametrize("kind", KINDS)
def test_splits_share_no_layout(kind):
    layouts = {split: set() for split in SPLITS}
    for page in some_pages(kind):
        layouts[page.split].add(getattr(page.facts, "layout", page.split))
    assert not layouts["train"] & layouts["test"]


@pytest.mark.parametrize("kind", KINDS)
def test_questions_are_complete_and_captions_true_to_form(kind):
    for page in some_pages(kind):
        assert (page.questions or kind == "widget") and page.captions
        for question in page.questions:
            assert "?" in question.text and question.answer and question.answers[0] == question.answer
            assert question.kind in GROUPS.get(kind, ("text", "choice", "number", "yes/no")), question
        assert len({question.text for question in page.questions}) == len(page.questions), page
        assert all(caption == caption.strip() and caption for caption in page.captions)


def test_words_can_be_read_at_128_pixels():
    """Who compares with large letters reads the word, and none of those with one other letter or digit."""
    right = []
    for kind in ("form", "receipt", "letter", "cover", "sign"):
        drawings = [drawing for _, drawing in drawn_pages(kind, 60)]
        words = [(each, word) for each in drawings for word in each.words[::3] if len(word.text) > 3]
        right += [reads(*pair) for pair in [pair for pair in words if min(pair[1].box) > 1][:16]]
    assert len(right) == 80 and np.mean(right) >= 0.95


def reads(drawing, word):
    """Whether the word is likelier than others, by its likeness at several offsets for those that come close."""
    y0, x0, y1, x1 = word.box
    seen = drawing.image[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1].astype(float).mean(axis=2)
    letters = LETTERS[script_of(word.text)]
    rng = np.random.default_rng(len(word.text))
    texts = {word.text}
    for place in range(len(word.text)):
        for other in rng.choice([*("0123456789" if word.text[place].isdigit() else letters)], 4):
            texts.add(word.text[:place] + str(other) + word.text[place + 1 :])
    coarse = {(text, face): likeness(seen, text, face, (0, 0, 0)) for text in sorted(texts) for face in FACES}
    offsets = [(dy, dx, wide) for dy in (0, 0.4) for dx in (-0.5, 0, 0.5) for wide in (0, 0.5)]
    fine = {pair: max(likeness(seen, *pair, by) for by in offsets) for pair in sorted(coarse, key=coarse.get)[-10:]}
    return max(fine, key=fine.get)[0] == word.text


def likeness(seen, text, face, by):
    """The absolute correlation with a word in large letters, scaled to the same box and a pixel around it."""
    coverage, _, (y0, x0, y1, x1) = word_coverage(text, face, 48)
    up, across, margin = (y1 - y0) / (seen.shape[0] - 2), (x1 - x0) / (seen.shape[1] - 2), 48
    large = Image.fromarray(np.pad(coverage[y0:y1, x0:x1], margin))
    dy, dx, wide = by
    box = (
        margin - across * (1 + wide / 2 + dx), margin - up * (1 + dy / 2),
        margin + x1 - x0 + across * (1 + wide / 2 - dx), margin + y1 - y0 + up * (1 + dy / 2),
    )  # fmt: skip
    scaled = np.asarray(large.resize(seen.shape[::-1], Image.Resampling.BOX, box=box)).astype(float)
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
