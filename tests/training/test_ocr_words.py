"""The words of OCR in files: read once for equal images, continued after a kill, and published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from public_sets import WORDS, write_public_sets

from pali3kit.config.external_ocr import Ocr
from pali3kit.data.record import Word
from pali3kit.data.source import SourceBase
from pali3kit.errors import DataError
from pali3kit.plan.pali import TextConfig
from pali3kit.registry import SOURCE
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training import ocr_words
from pali3kit.training.context import StageContext
from pali3kit.training.ocr_words import WordsFile, words_in_prompts


class Pages(SourceBase):
    """Page n is of shade n // 2: two questions each. The last is damaged."""

    def image(self, split: str, index: int) -> np.ndarray:
        if index == 6:
            raise DataError("page 6 is damaged")
        return np.full((4, 5, 3), index // 2, np.uint8)


class Engine:
    def __init__(self) -> None:
        self.read: list[int] = []

    def __call__(self, image: np.ndarray) -> tuple[Word, ...]:
        self.read.append(int(image[0, 0, 0]))
        return (Word(f"page{self.read[-1]}", (0, 1, 2, 3)), Word("unboxed", (0, 0, 1, 1)))


def opened(folder: Path) -> tuple[WordsFile, Engine]:
    engine = Engine()
    return WordsFile(folder, engine, Pages(), "test"), engine  # type: ignore[arg-type]


def test_equal_images_are_read_once(tmp_path: Path) -> None:
    words, engine = opened(tmp_path)
    assert [words.words(number)[0].text for number in range(6)] == [
        "page0",
        "page0",
        "page1",
        "page1",
        "page2",
        "page2",
    ]
    assert engine.read == [0, 1, 2]
    kept = WordsFile(tmp_path)
    assert kept.words(3) == (Word("page1", (0, 1, 2, 3)), Word("unboxed", (0, 0, 1, 1)))
    with pytest.raises(DataError, match=r"words\.jsonl has no words of image 7"):
        kept.words(7)


def test_a_damaged_image_has_no_words_and_a_reason(tmp_path: Path) -> None:
    words, _ = opened(tmp_path)
    assert (words.words(6), words.error(6), words.error(0)) == ((), "page 6 is damaged", "")


def test_a_killed_run_continues_behind_its_last_whole_line(tmp_path: Path) -> None:
    words, _ = opened(tmp_path)
    whole = [words.words(number) for number in range(4)]
    file = tmp_path / "words.jsonl"
    lines = file.read_bytes()
    file.write_bytes(lines[:-20])
    again, engine = opened(tmp_path)
    assert [again.words(number) for number in range(4)] == whole and engine.read == []
    assert file.read_bytes() == lines and [json.loads(line)["image"] for line in lines.splitlines()] == [0, 1, 2, 3]
    file.write_bytes(lines + bytes(9) + b"\n")  # a power cut
    opened(tmp_path)
    assert file.read_bytes() == lines


def test_a_continued_run_tries_damaged_images_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, _ = opened(tmp_path)
    assert words.error(6)
    monkeypatch.setattr(Pages, "image", lambda self, split, index: np.full((4, 5, 3), 9, np.uint8))
    again, _ = opened(tmp_path)
    assert not again.error(6) and WordsFile(tmp_path).words(6)[0].text == "page9"


@pytest.fixture
def adding(tmp_path: Path, published: Any) -> Any:
    write_public_sets(tmp_path)

    def make(name: str, how: Ocr | None, parents: dict[str, Path], **options: str) -> Any:
        source = SOURCE.build(name, **{key: str(tmp_path / path) for key, path in options.items()})
        config = TextConfig(source={"name": name}, image_size=64, bins=9, prompt_length=90, target_length=2, ocr=how)
        context = StageContext(tmp_path, parents, 0, lambda done, total, **numbers: None, threads=1)
        return words_in_prompts(config, context, source, Tokenizer(published("t5")), "train", 4)

    return make


DOCVQA = {"path": "docvqa/train_v1.0_withQT.json", "images": "docvqa/train", "ocr": "docvqa/train/ocr_results"}
TEXTVQA = {
    "path": "textvqa/TextVQA_0.5.1_train.json",
    "images": "textvqa/train_images",
    "ocr": "textvqa/TextVQA_Rosetta_OCR_v0.2_train.json",
}
INFOVQA = {"path": "infovqa/infographicsVQA_train_v1.0.json", "images": "infovqa/images", "ocr": "infovqa/ocr"}
TEXTCAPS = {**TEXTVQA, "path": "textcaps/TextCaps_0.1_train.json"}


@pytest.mark.parametrize(
    ("name", "options"), [("vqa", DOCVQA), ("vqa", TEXTVQA), ("vqa", INFOVQA), ("coco_captions", TEXTCAPS)]
)
def test_published_words_of_each_layout(adding: Any, name: str, options: dict[str, str]) -> None:
    words = adding(name, Ocr(words="published"), {}, **options)
    assert [word.text for word in words.read(2)] == [*WORDS]
    words.ocr.order = "raster"
    assert words._texts((2,)) == [*WORDS][::-1], "their boxes run from right to left"


def test_without_ocr_nothing_is_added(adding: Any) -> None:
    assert adding("vqa", None, {}, **DOCVQA) is None


def test_an_engines_words_are_the_parents(adding: Any, tmp_path: Path) -> None:
    folder = tmp_path / "ocr"
    folder.mkdir()
    words, _ = opened(folder)
    for number in range(4):
        words.words(number)
    assert adding("vqa", Ocr(words="rapidocr"), {"ocr": folder}, **DOCVQA).read(2)[0].text == "page1"


def test_outside_of_a_run_an_engine_reads_what_is_asked(
    adding: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    monkeypatch.setattr(ocr_words, "create_engine", lambda name, threads: engine)
    words = adding("vqa", Ocr(words="rapidocr"), {}, **DOCVQA)
    assert len(engine.read) == 1, "the first image has words: they are not another set's"
    assert words.read(2) == WordsFile(tmp_path).words(2) and len(engine.read) == 2


def test_words_that_no_image_has_are_refused(adding: Any, tmp_path: Path) -> None:
    for file in (tmp_path / "docvqa/train/ocr_results").iterdir():
        file.rename(file.with_name(f"other_{file.name}"))
    with pytest.raises(DataError, match=r"none of the first 4 images has words of OCR"):
        adding("vqa", Ocr(words="published"), {}, **DOCVQA)
    with pytest.raises(DataError, match="published with a data set in files or drawn pages, not with this source"):
        adding("world", Ocr(words="published"), {})
