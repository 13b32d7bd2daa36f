"""Karpathy's file, COCO's own, and the translations."""

from __future__ import annotations

import bz2
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.readers.coco_captions import CocoCaptionsReader, create
from pali3kit.errors import DataError


def karpathy(number: int, split: str, *captions: str) -> dict[str, Any]:
    said = [{"tokens": text.split(), "raw": text, "imgid": 0, "sentid": 0} for text in captions]
    folder = "train2014" if split == "train" else "val2014"
    name = f"COCO_{folder}_{number:012}.jpg"
    return {"filepath": folder, "filename": name, "imgid": 0, "split": split, "sentences": said, "cocoid": number}


SPLITS = {
    "dataset": "coco",
    "images": [
        karpathy(9, "train", "A cat. ", "A cat on a mat."),
        karpathy(7, "restval", "A dog."),
        karpathy(5, "val", "A cow."),
        karpathy(3, "test", "A bus."),
    ],
}
TRANSLATED = [
    ("9_0", "de", "Eine Katze ."),
    ("9_1", "de", "Eine Katze auf einer Matte ."),
    ("9_0", "th", "แมว"),
    ("3_0", "de", "Ein Bus ."),
]


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def translations(path: Path) -> str:
    rows = [
        {"image_id": name, "caption_tokenized": "x", "trg_lang": language, "translation_tokenized": text}
        for name, language, text in TRANSLATED
    ]
    path.write_bytes(bz2.compress("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()))
    return str(path)


def test_karpathys_split(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for folder, number in (("train2014", 9), ("val2014", 7), ("val2014", 3)):
        picture(tmp_path / f"coco/{folder}/COCO_{folder}_{number:012}.jpg", shade=number)
    path = write(tmp_path / "dataset_coco.json", SPLITS)
    source = create(path, str(tmp_path / "coco"), translations(tmp_path / "coco_mt_train.jsonl.bz2"), test=path)
    told = {source.image("train", i)[0, 0, 0]: source.record("train", i).captions for i in range(2)}
    assert source.size("train") == 2 and source.size("test") == 1 and source.languages == ("en", "de", "th")
    assert told[9] == {
        "en": ("A cat.", "A cat on a mat."),
        "de": ("Eine Katze .", "Eine Katze auf einer Matte ."),
        "th": ("แมว",),
    }
    assert told[7] == {"en": ("A dog.",)} and source.image("test", 0)[0, 0, 0] == 3
    with pytest.raises(DataError, match=r"the test split has 1 pictures, not 2: lower data\.test"):
        source.record("test", 1)


def test_cocos_own_file(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "000000000009.jpg")
    images = [{"id": 9, "file_name": "000000000009.jpg", "height": 480, "width": 640}, {"id": 4, "file_name": "x.jpg"}]
    images[1] |= {"height": 1, "width": 1}
    said = [{"image_id": 9, "id": 1, "caption": "A cat.\n"}, {"image_id": 9, "id": 2, "caption": "Cats."}]
    path = write(tmp_path / "captions_train2017.json", {"info": {}, "images": images, "annotations": said})
    reader = CocoCaptionsReader(path, str(tmp_path), "train")
    record = reader.record(0)
    assert len(reader) == 1 and record.size == (480, 640) and record.captions == {"en": ("A cat.", "Cats.")}
    assert record.picture().startswith(b"\x89PNG") and record.name == f"{path}: picture 9"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[", r"c\.json: no JSON: "),
        ([], r"c\.json: this should be a mapping, not a list\."),
        ({"imges": []}, r"c\.json: no field 'images'\. Did you mean 'imges'\?"),
        ({"images": {}}, r"c\.json: 'images' should be a list, not a mapping\."),
        ({"images": [3]}, r"c\.json: images\[0\]: this should be a mapping, not the number 3\."),
        ({"images": [{"split": "train", "filename": "a", "sentences": [{"tokens": []}], "cocoid": 1}]},
         r"c\.json: images\[0\]: sentences\[0\]: no field 'raw'\. Choose from tokens\."),
        ({"images": [{"split": "train", "filename": "a", "sentences": [], "cocoid": "1"}]},
         r"c\.json: images\[0\]: 'cocoid' should be a whole number, not the text '1'\."),
        ({"images": [{"split": "test", "filename": "a", "sentences": [], "cocoid": 1}]},
         r"c\.json: no picture with a caption in the train split"),
        ({"annotations": [{"image_id": 1, "caption": None}], "images": []},
         r"c\.json: annotations\[0\]: 'caption' should be a text, not nothing\."),
        ({"annotations": [], "images": [{"id": 1, "file_name": "a", "width": 3}]},
         r"c\.json: images\[0\]: no field 'height'\. "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(tmp_path: Path, content: Any, complaint: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=complaint):
        len(CocoCaptionsReader(str(path), str(tmp_path), "train"))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (bz2.compress(b'{"image_id": "x_0"}'), r"t\.jsonl\.bz2:1: 'image_id' should begin with a picture's number"),
        (bz2.compress(b'\n{"image_id": "9_0"}'), r"t\.jsonl\.bz2:2: no field 'trg_lang'"),
        (bz2.compress(b"{"), r"t\.jsonl\.bz2:1: no JSON"),
        (bz2.compress(b'{"image_id": "9_0"}' * 99)[:40], r"t\.jsonl\.bz2: "),
        (b"no bz2", r"t\.jsonl\.bz2:1: no JSON"),
    ],
)
def test_what_is_wrong_with_translations(tmp_path: Path, data: bytes, complaint: str) -> None:
    (tmp_path / "t.jsonl.bz2").write_bytes(data)
    path = write(tmp_path / "dataset_coco.json", SPLITS)
    with pytest.raises(DataError, match=complaint):
        CocoCaptionsReader(path, str(tmp_path), "train", str(tmp_path / "t.jsonl.bz2")).record(0)
