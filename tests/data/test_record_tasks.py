"""Tasks on records, with cases computed by hand."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.record import Asked, Record, Thing, Word
from pali3kit.data.record_tasks import draw_of, raster
from pali3kit.data.task import Example
from pali3kit.errors import DataError, RegistryError

CLASSES = ("bus", "cat", "dog", "sea")


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 100)).save(file, "png")
    return file.getvalue()


RECORD = Record(
    "r",
    png,
    captions={"en": ("a cat on a mat", "two cats"), "de": ("eine Katze",), "fr": ()},
    words=(Word("world", (12, 50, 22, 70)), Word("hello", (10, 10, 20, 30)), Word("below", (40, 5, 50, 30))),
    questions=(Asked("how many?", ("2", "2", "3")), Asked("wo?", ("mat",), "de"), Asked("unanswered?", ())),
    things=(Thing("dog", (50, 100, 100, 200)), Thing("cat", (0, 0, 50, 100)), Thing("dog", (0, 100, 50, 200))),
)
EMPTY = Record("empty", png)


def drawn(name: str, record: Record = RECORD, most: int = 64, count: int = 60) -> Iterator[Example]:
    draw = draw_of(name, 101, CLASSES, most)
    for seed in range(count):
        example = draw(record, np.random.default_rng(seed))
        assert example is not None
        yield example


NAMES = (
    "splitcap",
    "caption",
    "caption_multilingual",
    "caption_de",
    "ocr",
    "vqa",
    "vqg",
    "object_vqa",
    "detect",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_record_that_tells_nothing_offers_nothing(name: str) -> None:
    assert draw_of(name, 101, CLASSES, 64)(EMPTY, np.random.default_rng(0)) is None
    assert all(e.target and e.prompt.endswith("<extra_id_0>") for e in drawn(name))


def test_splitcap_of_any_caption_of_any_language() -> None:
    found = {(e.prompt, e.target, e.language) for e in drawn("splitcap")}
    assert ("Generate the alt_text in EN at 2: a <extra_id_0>", "cat on a mat", "en") in found
    assert ("Generate the alt_text in DE at 0: <extra_id_0>", "eine Katze", "de") in found
    german = sum(e.language == "de" for e in drawn("splitcap", count=1000))
    assert abs(german - 500) < 5 * 250**0.5  # one of three captions, but one of two languages


def test_captions() -> None:
    english = list(drawn("caption"))
    assert {e.target for e in english} == {"a cat on a mat", "two cats"}
    assert {e.references for e in english} == {("a cat on a mat", "two cats")}
    assert {e.language for e in drawn("caption_multilingual")} == {"en", "de"}
    assert {(e.prompt, e.target) for e in drawn("caption_de")} == {
        ("Generate the alt_text in DE at 0: <extra_id_0>", "eine Katze")
    }
    assert draw_of("caption_th", 101, CLASSES, 64)(RECORD, np.random.default_rng(0)) is None


def test_words_are_read_line_by_line() -> None:
    """The second word of the first line begins two pixels below the first."""
    assert [word.text for word in raster(RECORD.words)] == ["hello", "world", "below"]
    unboxed = (*RECORD.words, Word("somewhere"))
    assert raster(unboxed) == list(unboxed)
    assert {e.target for e in drawn("ocr")} == {"hello world below"}


def test_snippets_are_skipped_to_fit() -> None:
    long = replace(RECORD, words=tuple(Word(text) for text in ("a b", "c", "d e f g", " ", "h")))
    targets = {e.target for e in drawn("ocr", long, most=3, count=200)}
    assert targets == {"a b c", "a b h", "c h"}


def test_questions_and_answers() -> None:
    asked = {(e.prompt, e.target, e.references, e.language) for e in drawn("vqa")}
    assert asked == {
        ("Answer in EN: how many? <extra_id_0>", "2", ("2", "2", "3"), "en"),
        ("Answer in EN: wo? <extra_id_0>", "mat", ("mat",), "de"),
    }
    assert {(e.prompt, e.target) for e in drawn("vqg")} == {
        ("Generate a question in EN for 2: <extra_id_0>", "how many?"),
        ("Generate a question in DE for mat: <extra_id_0>", "wo?"),
    }


def test_an_empty_answer_is_a_reference_and_no_target() -> None:
    record = replace(RECORD, questions=(Asked("how many?", ("", "", "2", "3")), Asked("none?", ("", ""))))
    assert {(e.target, e.references) for e in drawn("vqa", record)} == {("2", ("", "", "2", "3"))}
    assert {e.prompt for e in drawn("vqg", record)} == {"Generate a question in EN for 2: <extra_id_0>"}


def test_objects_listed_present_and_chosen() -> None:
    found = {
        (e.prompt[len("Answer in EN: ") : -len(" <extra_id_0>")], e.target) for e in drawn("object_vqa", count=400)
    }
    assert ("what objects are in the image?", "cat, dog") in found
    assert {pair for pair in found if pair[0].startswith("is ")} == {
        (f"is {label} in the image?", "yes" if label in ("cat", "dog") else "no") for label in CLASSES
    }
    assert ("which of bus, dog, cat are in the image?", "dog, cat") in found
    for question, answer in found:
        if question.startswith("which of "):
            asked = question[len("which of ") : -len(" are in the image?")].split(", ")
            assert answer == ", ".join(label for label in asked if label in ("cat", "dog")) and len(asked) > 2
    everything = draw_of("object_vqa", 101, ("cat", "dog"), 64)
    assert {everything(RECORD, np.random.default_rng(seed)).target for seed in range(20)} == {"cat, dog"}  # type: ignore[union-attr]


def test_detection_of_all_boxes_of_a_class_in_raster_order() -> None:
    """The size is that of the image's header; 101 bins are percent."""
    assert {(e.prompt, e.target) for e in drawn("detect")} == {
        ("detect: dog <extra_id_0>", "0 50 50 100 dog ; 50 50 100 100 dog"),
        ("detect: cat <extra_id_0>", "0 0 50 50 cat"),
    }
    told = replace(RECORD, size=(200, 400), read_image=lambda: b"never read")
    assert {e.target for e in drawn("detect", told)} == {"0 25 25 50 dog ; 25 25 50 50 dog", "0 0 25 25 cat"}


def test_a_class_with_a_crowd_is_not_asked_for() -> None:
    crowd = replace(RECORD, things=(*RECORD.things, Thing("dog", (0, 0, 100, 200), crowd=True)))
    assert {e.prompt for e in drawn("detect", crowd)} == {"detect: cat <extra_id_0>"}
    assert (
        draw_of("detect", 101, CLASSES, 64)(replace(RECORD, things=crowd.things[-1:]), np.random.default_rng(0)) is None
    )


def test_a_box_outside_the_image_is_an_error() -> None:
    outside = replace(RECORD, things=(Thing("dog", (0, 0, 100, 201)),))
    with pytest.raises(DataError, match="outside an image of 100x200"):
        next(drawn("detect", outside))


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(RegistryError, match=r"no task 'orc'\. Did you mean 'ocr'\?"):
        draw_of("orc", 101, CLASSES, 64)


def test_span_corruption_of_captions_without_their_image() -> None:
    examples = [draw_of("span_corruption", 101, CLASSES, 64)(RECORD, np.random.default_rng(n)) for n in range(60)]
    found = {(e.prompt, e.target, e.language) for e in examples if e is not None}
    assert ("eine <extra_id_0>", "<extra_id_0> Katze", "de") in found
    assert all(not e.images for e in examples if e is not None)
    assert draw_of("span_corruption", 101, CLASSES, 64)(EMPTY, np.random.default_rng(0)) is None
    short = Record("short", png, captions={"en": ("a",)})
    assert draw_of("span_corruption", 101, CLASSES, 64)(short, np.random.default_rng(0)) is None


def test_hidden_answers_and_captions_are_asked_for() -> None:
    """Only where a model answers them: there is nothing to train on."""
    hidden = replace(RECORD, questions=(Asked("why?", (), id=7, hidden=True),), captions={}, id=9, hidden=True)
    for name in ("vqg", "splitcap", "caption_de"):
        assert draw_of(name, 101, CLASSES, 64)(hidden, np.random.default_rng(0)) is None
    for name, number in (("vqa", 7), ("caption", 9), ("caption_multilingual", 9), ("caption_en", 9)):
        [example] = drawn(name, hidden, count=1)
        assert (example.id, example.hidden, example.target, example.references) == (number, True, "", ())
        assert example.prompt in ("Answer in EN: why? <extra_id_0>", "Generate the alt_text in EN at 0: <extra_id_0>")
