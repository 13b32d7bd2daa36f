"""Words of OCR in prompts: their order, what is left out, and the engines that read them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pali3kit.config.external_ocr import Ocr
from pali3kit.data.ocr import WordsInPrompts, create_engine
from pali3kit.data.record import Word
from pali3kit.data.records import Skips
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.text.tokenizer import Tokenizer

ASKED = Example((0,), "Answer in EN: what is it? <extra_id_0>", "stop")
WORDS = {0: (Word("here", (0, 50, 10, 60)), Word("STOP", (1, 5, 9, 20)), Word("now", (30, 0, 40, 9))), 1: ()}


def read(number: int) -> tuple[Word, ...]:
    if number not in WORDS:
        raise DataError(f"page {number} is damaged")
    return WORDS[number]


@pytest.fixture(scope="module")
def prompts(published: Callable[[str], Path]) -> Callable[..., WordsInPrompts]:
    tokenizer = Tokenizer(published("t5"))

    def make(length: int = 200, skips: Skips | None = None, **options: Any) -> WordsInPrompts:
        return WordsInPrompts(read, Ocr(words="published", **options), tokenizer, length, skips)

    return make


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "here STOP now"),
        ({"order": "raster"}, "STOP here now"),
        ({"separator": ", "}, "here, STOP, now"),
    ],
)
def test_words_follow_the_prompt(prompts: Any, options: Any, expected: str) -> None:
    found = prompts(**options).example(ASKED)
    assert (found.prompt, found.ocr_words) == (f"{ASKED.prompt} {expected}", (3, 0)) and found.target == "stop"


def test_an_image_without_words_leaves_the_prompt_as_it_is(prompts: Any) -> None:
    found = prompts().example(Example((1,), "a", "b"))
    assert (found.prompt, found.ocr_words) == ("a", (0, 0))


def test_several_images_have_their_words_in_order(prompts: Any) -> None:
    assert prompts().example(Example((1, 0, 0), "a", "b")).prompt == "a here STOP now here STOP now"


def test_words_that_do_not_fit_are_left_out_whole(prompts: Any) -> None:
    whole = prompts().tokenizer.encode(f"{ASKED.prompt} here STOP now")
    for length in range(len(whole) + 2):
        words = prompts(length)
        found = words.example(ASKED)
        kept, left_out = found.ocr_words
        assert kept + left_out == 3
        assert found.prompt == " ".join([ASKED.prompt, "here", "STOP", "now"][: kept + 1])
        longer = " ".join([ASKED.prompt, "here", "STOP", "now"][: kept + 2])
        assert kept == 0 or len(words.tokenizer.encode(found.prompt)) <= length
        assert kept == 3 or len(words.tokenizer.encode(longer)) > length
    assert kept == 3


def test_words_that_cannot_be_read_are_recorded(prompts: Any) -> None:
    skips = Skips(1.0)
    bad = Example((7,), "a", "b")
    assert [each.prompt for each in prompts(skips=skips).examples([ASKED, bad])] == [f"{ASKED.prompt} here STOP now"]
    assert list(skips.lines) == ["page 7 is damaged"]
    with pytest.raises(DataError, match="page 7 is damaged"):
        prompts().example(bad)
    [submitted] = prompts(skips=skips).examples([replace(bad, hidden=True)])  # a server wants an answer to each
    assert (submitted.prompt, submitted.ocr_words) == ("a", (0, 0))


def test_a_task_has_the_words_in_training(prompts: Any) -> None:
    inner = SimpleNamespace(
        name="vqa", draw=lambda split, index, rng: ASKED if index == 0 else None, where=lambda split, count: [range(9)]
    )
    task = prompts().task(inner)
    rng = np.random.default_rng(0)
    assert task.draw("train", 0, rng).ocr_words == (3, 0) and task.draw("train", 1, rng) is None
    assert (task.name, task.where("train", 9)) == ("vqa", [range(9)])


def test_words_of_other_images_are_refused_at_once(prompts: Any) -> None:
    prompts().require_some(2)
    words = prompts()
    words.read = lambda number: ()
    with pytest.raises(DataError, match=r"none of the first 2 images has words of OCR \(data.ocr.words: published\)"):
        words.require_some(2)


def test_rapidocr_gets_bgr_and_its_words_have_whole_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    word = ("Stop", 0.9, [[10.4, 20], [30, 19.6], [30, 40], [10, 40]])
    blank = SimpleNamespace(word_results=(("", 1.0, None),), boxes=None)  # as it returns them where it finds none

    class RapidOCR:
        def __init__(self, params: dict[str, Any]) -> None:
            seen["params"] = params

        def __call__(self, image: np.ndarray, return_word_box: bool) -> Any:
            seen["image"] = image
            lines = ((word, (" ", 0.5, word[2])),)
            return SimpleNamespace(word_results=lines, boxes=[word[2]]) if image.any() else blank

    monkeypatch.setitem(sys.modules, "rapidocr", module("rapidocr", RapidOCR=RapidOCR))
    engine = create_engine("rapidocr", threads=2)
    image = np.zeros((50, 60, 3), np.uint8)
    assert engine(image) == ()
    image[..., 0] = 7
    assert engine(image) == (Word("Stop", (20, 10, 40, 30)),)
    assert seen["image"][0, 0].tolist() == [0, 0, 7]
    assert seen["params"]["EngineConfig.onnxruntime.intra_op_num_threads"] == 2


def test_tesseracts_words_have_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"text": ["", "Stop"], "left": [0, 10], "top": [0, 20], "width": [60, 20], "height": [50, 5]}
    names = {"Output": SimpleNamespace(DICT="dict"), "TesseractNotFoundError": FileNotFoundError}
    fake = module("pytesseract", get_tesseract_version=lambda: "5", image_to_data=lambda *_, **__: data, **names)
    monkeypatch.setitem(sys.modules, "pytesseract", fake)
    assert create_engine("tesseract")(np.zeros((50, 60, 3), np.uint8)) == (Word("Stop", (20, 10, 25, 30)),)

    def absent() -> None:
        raise FileNotFoundError

    monkeypatch.setattr(fake, "get_tesseract_version", absent)
    with pytest.raises(DataError, match=r"there is no program tesseract: install it \(apt install tesseract-ocr\)"):
        create_engine("tesseract")


@pytest.mark.slow
def test_rapidocr_reads_a_page() -> None:
    pytest.importorskip("rapidocr")
    page = Image.new("RGB", (640, 200), "white")
    ImageDraw.Draw(page).text((30, 60), "Invoice No 4711", fill="black", font=ImageFont.load_default(36))
    found = create_engine("rapidocr")(np.asarray(page))
    assert [word.text for word in found] == ["Invoice", "No", "4711"]
    boxes = [word.box for word in found if word.box]
    assert all(50 < y0 < y1 < 115 for y0, _, y1, _ in boxes) and [box[1] for box in boxes] == sorted(
        box[1] for box in boxes
    )


def test_an_engine_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(DataError, match=r"OCR by rapidocr needs the package rapidocr: pip install 'pali3kit\[ocr\]'"):
        create_engine("rapidocr")


def module(name: str, **attributes: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(attributes)
    return made
