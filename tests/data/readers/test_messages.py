"""Malformed files and their error messages, which docs/data.md quotes."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from pali3kit.data.readers.coco_captions import CocoCaptionsReader, _create
from pali3kit.data.readers.coco_instances import Instances, _CocoInstancesReader
from pali3kit.data.readers.coco_instances import _create as coco_instances
from pali3kit.data.readers.ocr import _OcrReader
from pali3kit.data.readers.open_images import _OpenImagesReader
from pali3kit.data.readers.parquet import _ParquetReader
from pali3kit.data.readers.parquet_vqa import _QuestionsReader
from pali3kit.data.readers.pdf import _PdfReader
from pali3kit.data.readers.records import RecordsReader
from pali3kit.data.readers.refs import _read_plain_pickle
from pali3kit.data.readers.tsv import _create as tsv
from pali3kit.data.readers.tsv import _TsvReader
from pali3kit.data.union import UnionSource
from pali3kit.errors import DataError

from .conftest import CAT, instances

DOCS = (Path(__file__).parents[3] / "docs/data.md").read_text(encoding="utf-8")
SECTION = DOCS.split("## What cannot be used")[1].split("\n## ")[0]
TOLD = dict(re.findall(r"^\| (\w[^|]+) \| `([^`]+)` \|$", SECTION, re.MULTILINE))


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def karpathy(**changes: Any) -> None:
    image = {"split": "train", "filename": "a", "cocoid": 1, "sentences": [{"raw": "a"}], **changes}
    Path("c.json").write_text(json.dumps({"images": [image]}))
    len(CocoCaptionsReader("c.json", ".", "train"))


def column() -> None:
    pyarrow.parquet.write_table(pyarrow.table({"captoin": ["a"], "jpg": [b""]}), "a.parquet")
    len(_ParquetReader("a.parquet"))


def no_tab() -> None:
    Path("train.tsv").write_text("a cat\t1.png\nno tab here\n")
    _TsvReader("train.tsv", ".").record(1)


def no_json() -> None:
    Path("ocr.json").write_text("[")
    len(_OcrReader("ocr.json", "."))


def no_image() -> None:
    Path("coco").mkdir()
    name = f"COCO_train2014_{9:012}.jpg"
    content = {"images": [{"id": 9, "file_name": f"train2014/{name}"}]}
    Path("c.json").write_text(json.dumps({**content, "annotations": [{"image_id": 9, "caption": "a"}]}))
    _create("c.json", "coco").image("train", 0)


def broken_image() -> None:
    Path("6.png").write_bytes(b"no image")
    Path("train.tsv").write_text("a\t1.png\n" * 5 + "a\t6.png\n")
    source = tsv("train.tsv", ".")
    source.image("train", next(i for i in range(6) if source.record("train", i).name.endswith(":6")))


def floats() -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save("7.tif")
    Path("train.tsv").write_text("a\t1.png\n" * 6 + "a\t7.tif\n")
    source = tsv("train.tsv", ".")
    source.image("train", next(i for i in range(7) if source.record("train", i).name.endswith(":7")))


def another_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 40)).save("9.jpg", exif=exif)
    content = instances({**CAT, "image_id": 1})
    content["images"] = [{"id": 1, "file_name": "9.jpg", "height": 70, "width": 60}]
    Path("i.json").write_text(json.dumps(content))
    coco_instances("i.json", ".").image("train", 0)


def outside() -> None:
    box = {**CAT, "bbox": [201, 0, 100, 100]}
    Path("c.json").write_text(json.dumps(instances(box)))
    _CocoInstancesReader("c.json", ".").record(0)


def not_finite() -> None:
    word = {"image_id": 1, "utf8_string": "a", "bbox": [float("nan"), 1, 2, 2]}
    content = {"imgs": {"1": {"file_name": "1.jpg", "width": 8, "height": 8}}, "anns": {"1": word}}
    Path("ocr.json").write_text(json.dumps(content))
    _OcrReader("ocr.json", ".").record(0)


def twice() -> None:
    images = [{"id": 1, "file_name": name} for name in ("a.jpg", "b.jpg")]
    Path("c.json").write_text(json.dumps({"images": images, "annotations": []}))
    len(CocoCaptionsReader("c.json", ".", "train"))


def doubled() -> None:
    Path("ocr.json").write_text('{"imgs": {}, "anns": {"45": {"image_id": 1}, "45": {"image_id": 2}}}')
    len(_OcrReader("ocr.json", "."))


def damaged_mask() -> None:
    shape = {"size": [6, 8], "counts": [3, 2]}
    Path("instances.json").write_text(
        json.dumps(instances(*[{**CAT, "id": n, "segmentation": shape} for n in range(5)]))
    )
    mask = Instances(Path("instances.json")).thing(4).mask
    assert mask is not None
    mask()


def harmful() -> None:
    Path("refs(unc).p").write_bytes(pickle.dumps([Harmful()], 2))
    _read_plain_pickle(Path("refs(unc).p"))


def other_classes(image: Callable[..., Path]) -> None:
    image(Path("00ff.jpg"))
    Path("names.csv").write_text("/m/0jbk,Animal\n")
    Path("boxes.csv").write_text("ImageID,LabelName,XMin,XMax,YMin,YMax\n00ff,/m/0jbx,0,1,0,1\n")
    _OpenImagesReader("boxes.csv", ".", "names.csv").record(0)


def document() -> None:
    Path("papers").mkdir()
    Path("papers/c.pdf").write_bytes(b"no document")
    len(_PdfReader("papers"))


def too_few(image: Callable[..., Path]) -> None:
    image(Path("1.png"))
    Path("a.tsv").write_text("a\t1.png\n" * 8)
    imgs = {str(n): {"file_name": "1.png", "width": 8, "height": 6} for n in range(8)}
    anns = {str(n): {"image_id": str(n), "bbox": [0, 0, 2, 2], "utf8_string": "a"} for n in range(8)}
    Path("o.json").write_text(json.dumps({"imgs": imgs, "anns": anns}))
    parts = {
        "alt": {"name": "tsv", "path": "a.tsv", "images": "."},
        "text": {"name": "ocr", "path": "o.json", "images": "."},
    }
    UnionSource(parts).task("ocr", 9).where("train", 8)


def of_images(**told: object) -> None:
    Path("clips.jsonl").write_text(json.dumps({"caption": "a", **told}))
    RecordsReader("clips.jsonl", ".").record(0)


def too_few_answers() -> None:
    row = {"image": {"bytes": b"", "path": "1.png"}, "question": ["what?", "where?"], "answer": ["a fox"]}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), "questions.parquet")
    _QuestionsReader("questions.parquet", {"question": "question", "answer": "answer"}).record(0)


CASES: dict[str, Callable[..., None]] = {
    "a column has another name": column,
    "a field is missing": lambda: karpathy(sentences=[{"tokens": []}]),
    "a wrong type": lambda: karpathy(filename=1),
    "no number": not_finite,
    "an id twice": twice,
    "a key twice": doubled,
    "a cell of another type": too_few_answers,
    "a line without a tab": no_tab,
    "no JSON": no_json,
    "an image is not there": no_image,
    "an image is broken": broken_image,
    "an image is no photograph": floats,
    "boxes of another image": another_image,
    "too many images": lambda: of_images(images=["1.png"] * 20),
    "boxes on several images": lambda: of_images(images=["1.png"] * 2, things=[{"label": "a", "bbox": [1, 1, 2, 2]}]),
    "a box outside its image": outside,
    "a damaged mask": damaged_mask,
    "a harmful pickle": harmful,
    "a row of another class list": other_classes,
    "a damaged document": document,
    "too few images asked for": too_few,
}


def test_the_docs_have_these_cases() -> None:
    assert set(TOLD) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_messages(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Callable[..., Path]) -> None:
    monkeypatch.chdir(tmp_path)
    make = CASES[case]
    with pytest.raises(DataError) as error:
        make(*[image] if make.__code__.co_argcount else [])
    assert str(error.value) == TOLD[case]
