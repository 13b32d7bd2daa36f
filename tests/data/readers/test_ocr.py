"""TextOCR, COCO-Text and HierText."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pali3kit.data.readers.ocr import _create, _OcrReader
from pali3kit.data.record import Word
from pali3kit.errors import DataError

TEXTOCR = {
    "info": {"version": "0.1"},
    "imgs": {
        "a4ea": {"id": "a4ea", "width": 1024, "height": 683.0, "set": "train", "file_name": "train/a4ea.jpg"},
        "empty": {"id": "empty", "width": 10, "height": 10, "set": "train", "file_name": "train/empty.jpg"},
    },
    "anns": {
        "a4ea_1": {"id": "a4ea_1", "image_id": "a4ea", "bbox": [525.83, 3.4, 197.64, 33.94], "utf8_string": "MIRACLE",
                   "points": [525.83, 3.4, 723.47, 7.29], "area": 6707.9},
        "a4ea_2": {"id": "a4ea_2", "image_id": "a4ea", "bbox": [1, 2, 3, 4], "utf8_string": ".", "points": []},
        "a4ea_3": {"id": "a4ea_3", "image_id": "a4ea", "bbox": [10, 100.6, 5, 5], "utf8_string": "sea", "points": []},
    },
    "imgToAnns": {"a4ea": ["a4ea_1", "a4ea_2", "a4ea_3"]},
}  # fmt: skip
COCOTEXT = {
    "cats": {},
    "imgs": {
        "217925": {"id": 217925, "width": 640, "height": 480, "set": "train", "file_name": "COCO_train2014_1.jpg"},
        "2": {"id": 2, "width": 640, "height": 480, "set": "val", "file_name": "COCO_train2014_2.jpg"},
    },
    "anns": {
        "45346": {"id": 45346, "image_id": 217925, "bbox": [468.9, 286.7, 24.1, 9.6], "utf8_string": "New",
                  "legibility": "legible", "class": "machine printed", "language": "english", "mask": []},
        "45347": {"id": 45347, "image_id": 217925, "bbox": [1, 1, 1, 1], "legibility": "illegible", "mask": []},
        "45348": {"id": 45348, "image_id": 2, "bbox": [1, 1, 9, 9], "utf8_string": "bus", "legibility": "legible"},
    },
}  # fmt: skip


def one(word: dict[str, Any], image: dict[str, Any] | None = None) -> dict[str, Any]:
    """A file with one image and one word, with changes."""
    seen: dict[str, Any] = {
        "utf8_string": "a",
        "image_id": 7,
        **({} if "box" in word else {"bbox": [1, 2, 3, 4]}),
        **word,
    }
    return {"imgs": {"7": {"file_name": "7.jpg", "height": 6, "width": 8, **(image or {})}}, "anns": {"1": seen}}


def hiertext(
    text: str = "EXIT", legible: Any = True, vertices: Any = ((5, 7), (25, 9), (24, 19), (4, 17))
) -> dict[str, Any]:
    vertices = [list(point) for point in vertices] if vertices is not None else None
    word = {"vertices": vertices, "text": text, "legible": legible, "handwritten": False}
    line = {"vertices": [], "text": text, "legible": legible, "words": [word]}
    image = {"image_id": "0a1b", "image_width": 1600, "image_height": 1200, "paragraphs": [{"lines": [line]}]}
    return {"info": {"date": "x"}, "annotations": [image]}


def write(folder: Path, content: Any) -> str:
    path = folder / "ocr.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_textocr(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "train_images/a4ea.jpg", shade=9)
    source = _create(write(tmp_path, TEXTOCR), str(tmp_path / "train_images"))
    record = source.record("train", 0)
    assert source.size("train") == 1 and record.size == (683, 1024) and source.image("train", 0).max() == 9
    assert record.words == (Word("MIRACLE", (3, 526, 37, 723)), Word("sea", (101, 10, 106, 15)))
    example = source.task("ocr", 16).draw("train", 0, np.random.default_rng(0))
    assert example is not None and example.target == "MIRACLE sea"


def test_coco_text_selects_its_split(tmp_path: Path) -> None:
    path = write(tmp_path, COCOTEXT)
    source = _create(path, str(tmp_path), split="train", test=path, test_split="val")
    assert source.record("train", 0).words == (Word("New", (287, 469, 296, 493)),)
    assert source.size("test") == 1 and source.record("test", 0).words[0].text == "bus"
    with pytest.raises(DataError, match=r"ocr\.json: no image with legible words in tset"):
        len(_OcrReader(path, str(tmp_path), "tset"))


def test_hiertext(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "0a1b.jpg")
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(hiertext()).encode()))
    record = _OcrReader(str(path), str(tmp_path)).record(0)
    assert record.size == (1200, 1600) and record.words == (Word("EXIT", (7, 4, 19, 25)),) and record.read_image()
    with pytest.raises(DataError, match="no image with legible words"):
        len(_OcrReader(write(tmp_path, hiertext("", legible=False)), str(tmp_path)))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"images": [], "anns": {}}, r"ocr\.json: no field 'imgs'\. "),
        ({"imgs": {}, "anns": []}, r"ocr\.json: 'anns' should be a mapping, not a list\."),
        (one({"box": []}),
         r"ocr\.json: anns\[1\]: no field 'bbox'\. Did you mean 'box'\?"),
        (one({"bbox": [1, 2, 3]}),
         r"ocr\.json: anns\[1\]: 'bbox' should have 4 numbers, not 3\."),
        (one({"bbox": [1, 2, 3, "x"]}),
         r"ocr\.json: anns\[1\]: 'bbox'\[3\] should be a number, not the text 'x'\."),
        (one({"bbox": None}), r"ocr\.json: anns\[1\]: 'bbox' should be a list, not nothing\."),
        (one({"bbox": [1, 2, float("nan"), 4]}),
         r"ocr\.json: anns\[1\]: 'bbox'\[2\] should be a finite number, not the number nan\."),
        (one({"bbox": [1, float("-inf"), 3, 4]}),
         r"ocr\.json: anns\[1\]: 'bbox'\[1\] should be a finite number, not the number -inf\."),
        (one({"bbox": [1, 2, 3, 10**400]}), r"'bbox'\[3\] should be a finite number, not a number of 1329 bits"),
        (one({"bbox": [1e308, 2, 1e308, 4]}), r"ocr\.json: anns\[1\]: 'bbox' should be points of an image, not "),
        (one({"utf8_string": ["a", "b"]}), r"ocr\.json: anns\[1\]: 'utf8_string' should be a text, not a list\."),
        (one({"image_id": 8}), r"ocr\.json: anns\[1\]: 'image_id' 8 is no image of the file\."),
        (one({}, {"width": float("nan")}), r"imgs\[7\]: 'width' should be a finite number, not the number nan\."),
        (one({}, {"width": 0}), r"imgs\[7\]: 'width' should be a whole number from 1 to 1000000, not the number 0\."),
        ({"imgs": {"7": {}, "07": {}}, "anns": {}}, r"ocr\.json: imgs\[07\]: its id is already that of .*imgs\[7\]\."),
        (hiertext(vertices=[[float("nan"), 1]]), r"words\[0\]: 'vertices'\[0\] should be a finite number"),
        (hiertext(vertices=[]), r"words\[0\]: 'vertices' should be points of an image, not \[\]"),
        (hiertext(vertices=None), r"words\[0\]: 'vertices' should be a list, not nothing"),
        ({"annotations": hiertext()["annotations"] * 2},
         r"annotations\[1\]: 'image_id' 0a1b is already that of .*annotations\[0\]"),
        ({"anns": {}, "imgs": {"7": {"file_name": "a", "height": True, "width": 3}}},
         r"ocr\.json: imgs\[7\]: 'height' should be a number, not true\."),
        (hiertext(legible="yes"), r"paragraphs\[0\]: lines\[0\]: words\[0\]: 'legible' should be true or false"),
        ({"annotations": [{"image_id": "a", "image_height": 1, "image_width": 1}]},
         r"ocr\.json: annotations\[0\]: no field 'paragraphs'\."),
    ],
)  # fmt: skip
def test_malformed_files(tmp_path: Path, content: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        len(_OcrReader(write(tmp_path, content), str(tmp_path)))


def test_duplicate_json_keys(tmp_path: Path) -> None:
    word = '{"image_id": 7, "bbox": [1, 2, 3, 4], "utf8_string": "%s"}'
    imgs = '"imgs": {"7": {"file_name": "7.jpg", "height": 6, "width": 8}}'
    for second, expected in (("b", "'1' occurs twice in a mapping, with two values"), ("a", None)):
        (tmp_path / "ocr.json").write_text(f'{{{imgs}, "anns": {{"1": {word % "a"}, "1": {word % second}}}}}')
        reader = _OcrReader(str(tmp_path / "ocr.json"), str(tmp_path))
        if expected is None:
            assert [word.text for word in reader.record(0).words] == ["a"]
        else:
            with pytest.raises(DataError, match=rf"ocr\.json: no JSON: {expected}"):
                len(reader)


def test_blank_words_are_skipped(tmp_path: Path) -> None:
    blanks = {str(n): {"image_id": 7, "utf8_string": text} for n, text in enumerate(("", " ", "\n", None, "."))}
    content = one({})
    content["anns"] |= {f"x{n}": word for n, word in blanks.items()}
    assert [word.text for word in _OcrReader(write(tmp_path, content), str(tmp_path)).record(0).words] == ["a"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bbox": [1, float("nan"), 2, 2]}, r"anns\[7\]: 'bbox'\[1\] should be a finite number"),
        ({"bbox": [1, 2]}, r"anns\[7\]: 'bbox' should have 4 numbers"),
        ({"image_id": 999}, r"anns\[7\]: 'image_id' 999 is no image of the file"),
        ({"image_id": None}, r"anns\[7\]: 'image_id' should be a whole number or a name"),
    ],
)
def test_one_bad_word_of_many_is_reported_alone(tmp_path: Path, change: Any, expected: str) -> None:
    imgs = {str(n): {"file_name": f"{n}.jpg", "height": 6, "width": 8} for n in range(200)}
    word = {"bbox": [1, 2, 3, 4], "utf8_string": "a"}
    anns = {str(n): {"image_id": n, **word, **(change if n == 7 else {})} for n in range(200)}
    source = _create(write(tmp_path, {"imgs": imgs, "anns": anns}), str(tmp_path))
    task = source.task("ocr", 9)
    drawn = [task.draw("train", index, np.random.default_rng(0)) for index in range(source.size("train"))]
    assert sum(example is not None for example in drawn) == 199
    assert [*map(re.compile(expected).search, [*source.skips.lines, *source.damages])] != [None]


@pytest.mark.parametrize("ending", [".jpg", ".png", ".JPEG", ".webp"])
def test_hiertext_images_may_have_any_extension(tmp_path: Path, image: Callable[..., Path], ending: str) -> None:
    image(tmp_path / f"0a1b{ending}")
    assert _OcrReader(write(tmp_path, hiertext()), str(tmp_path)).record(0).read_image()


def test_coco_text_with_2017_file_names(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "000000217925.jpg")
    content = one({}, {"file_name": "COCO_train2014_000000217925.jpg"})
    assert _OcrReader(write(tmp_path, content), str(tmp_path)).record(0).read_image()
