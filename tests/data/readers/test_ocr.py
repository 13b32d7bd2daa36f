"""TextOCR, COCO-Text and HierText."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pali3kit.data.readers.ocr import OcrReader, create
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


def hiertext(text: str = "EXIT", legible: Any = True) -> dict[str, Any]:
    word = {"vertices": [[5, 7], [25, 9], [24, 19], [4, 17]], "text": text, "legible": legible, "handwritten": False}
    line = {"vertices": [], "text": text, "legible": legible, "words": [word]}
    image = {"image_id": "0a1b", "image_width": 1600, "image_height": 1200, "paragraphs": [{"lines": [line]}]}
    return {"info": {"date": "x"}, "annotations": [image]}


def write(folder: Path, content: Any) -> str:
    path = folder / "ocr.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_textocr(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "train_images/a4ea.jpg", shade=9)
    source = create(write(tmp_path, TEXTOCR), str(tmp_path / "train_images"))
    record = source.record("train", 0)
    assert source.size("train") == 1 and record.size == (683, 1024) and source.image("train", 0).max() == 9
    assert record.words == (Word("MIRACLE", (3, 526, 37, 723)), Word("sea", (101, 10, 106, 15)))
    example = source.task("ocr", 16).draw("train", 0, np.random.default_rng(0))
    assert example is not None and example.target == "MIRACLE sea"


def test_coco_text_is_split_by_its_sets(tmp_path: Path) -> None:
    path = write(tmp_path, COCOTEXT)
    source = create(path, str(tmp_path), split="train", test=path, test_split="val")
    assert source.record("train", 0).words == (Word("New", (287, 469, 296, 493)),)
    assert source.size("test") == 1 and source.record("test", 0).words[0].text == "bus"
    with pytest.raises(DataError, match=r"ocr\.json: no picture with legible words in tset"):
        len(OcrReader(path, str(tmp_path), "tset"))


def test_hiertext(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "0a1b.jpg")
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(hiertext()).encode()))
    record = OcrReader(str(path), str(tmp_path)).record(0)
    assert record.size == (1200, 1600) and record.words == (Word("EXIT", (7, 4, 19, 25)),) and record.picture()
    with pytest.raises(DataError, match="no picture with legible words"):
        len(OcrReader(write(tmp_path, hiertext("", legible=False)), str(tmp_path)))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"images": [], "anns": {}}, r"ocr\.json: no field 'imgs'\. "),
        ({"imgs": {}, "anns": []}, r"ocr\.json: 'anns' should be a mapping, not a list\."),
        ({"imgs": {}, "anns": {"1": {"utf8_string": "a", "image_id": 1, "box": []}}},
         r"ocr\.json: anns\[1\]: no field 'bbox'\. Did you mean 'box'\?"),
        ({"imgs": {}, "anns": {"1": {"utf8_string": "a", "image_id": 1, "bbox": [1, 2, 3]}}},
         r"ocr\.json: anns\[1\]: 'bbox' should have 4 numbers, not 3\."),
        ({"imgs": {}, "anns": {"1": {"utf8_string": "a", "image_id": 1, "bbox": [1, 2, 3, "x"]}}},
         r"ocr\.json: anns\[1\]: 'bbox'\[3\] should be a number, not the text 'x'\."),
        ({"anns": {}, "imgs": {"7": {"file_name": "a", "height": True, "width": 3}}},
         r"ocr\.json: imgs\[7\]: 'height' should be a number, not true\."),
        (hiertext(legible="yes"), r"paragraphs\[0\]: lines\[0\]: words\[0\]: 'legible' should be true or false"),
        ({"annotations": [{"image_id": "a", "image_height": 1, "image_width": 1}]},
         r"ocr\.json: annotations\[0\]: no field 'paragraphs'\."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(tmp_path: Path, content: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        len(OcrReader(write(tmp_path, content), str(tmp_path)))
