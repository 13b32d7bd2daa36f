"""Karpathy's file, COCO's own, and the translations."""

from __future__ import annotations

import bz2
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.readers.coco_captions import CocoCaptionsReader, _create
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


def test_karpathys_split(tmp_path: Path, image: Callable[..., Path]) -> None:
    for folder, number in (("train2014", 9), ("val2014", 7), ("val2014", 3)):
        image(tmp_path / f"coco/{folder}/COCO_{folder}_{number:012}.jpg", shade=number)
    path = write(tmp_path / "dataset_coco.json", SPLITS)
    source = _create(path, str(tmp_path / "coco"), translations(tmp_path / "coco_mt_train.jsonl.bz2"), test=path)
    found = {source.image("train", i)[0, 0, 0]: source.record("train", i).captions for i in range(2)}
    assert source.size("train") == 2 and source.size("test") == 1 and source.languages == ("en",)  # of the test images
    assert source.readers["train"].languages == ("en", "de", "th")
    assert found[9] == {
        "en": ("A cat.", "A cat on a mat."),
        "de": ("Eine Katze .", "Eine Katze auf einer Matte ."),
        "th": ("แมว",),
    }
    assert found[7] == {"en": ("A dog.",)} and source.image("test", 0)[0, 0, 0] == 3
    with pytest.raises(DataError, match=r"the test split has 1 image, not 2: lower data\.test"):
        source.record("test", 1)


def test_cocos_own_file(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "000000000009.jpg")
    images = [{"id": 9, "file_name": "000000000009.jpg", "height": 480, "width": 640}, {"id": 4, "file_name": "x.jpg"}]
    images[1] |= {"height": 1, "width": 1}
    said = [{"image_id": 9, "id": 1, "caption": "A cat.\n"}, {"image_id": 9, "id": 2, "caption": "Cats."}]
    path = write(tmp_path / "captions_train2017.json", {"info": {}, "images": images, "annotations": said})
    reader = CocoCaptionsReader(path, str(tmp_path), "train")
    record = reader.record(0)
    assert len(reader) == 1 and record.size == (480, 640) and record.captions == {"en": ("A cat.", "Cats.")}
    assert record.read_image().startswith(b"\x89PNG") and record.name == f"{path}: image 9"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[", r"c\.json: no JSON: "),
        ([], r"c\.json: this should be a mapping, not a list\."),
        ({"imges": []}, r"c\.json: no field 'images'\. Did you mean 'imges'\?"),
        ({"images": {}}, r"c\.json: 'images' should be a list, not a mapping\."),
        ({"images": [3]}, r"c\.json: images\[0\]: this should be a mapping, not the number 3\."),
        ({"images": [{"split": "train", "filename": "a", "sentences": [{"tokens": []}], "cocoid": 1}]},
         r"c\.json: images\[0\]: sentences\[0\]: no field 'raw'\. Choose from tokens\."),
        ({"images": [{"split": "train", "filename": "a", "sentences": [], "cocoid": None}]},
         r"c\.json: images\[0\]: 'cocoid' should be a whole number or a name, not nothing\."),
        ({"images": [{"split": "trian", "filename": "a", "sentences": []}]},
         r"c\.json: images\[0\]: there is no split 'trian'\. Did you mean 'train'\?"),
        ({"images": [{"split": "test", "filename": "a", "sentences": [], "cocoid": 1}]},
         r"c\.json: no image with a caption in the train split"),
        ({"annotations": [{"image_id": 1, "caption": None}], "images": [{"id": 1, "file_name": "a"}]},
         r"c\.json: annotations\[0\]: 'caption' should be a text, not nothing\."),
        ({"annotations": [{"image_id": 1, "caption": "a"}], "images": []},
         r"c\.json: annotations\[0\]: 'image_id' 1 is no image of the file\."),
        ({"annotations": [], "images": [{"id": 1, "file_name": "a", "width": 3, "height": -4}]},
         r"c\.json: images\[0\]: 'height' should be a whole number from 1 to 1000000, not the number -4\."),
        ({"annotations": [], "images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]},
         r"c\.json: images\[1\]: 'id' 1 is already that of .*c\.json: images\[0\]\."),
        ('{"images": [{"split": "train", "filename": "a", "filename": "b", "sentences": []}]}',
         r"c\.json: no JSON: 'filename' occurs twice in a mapping, with two values"),
    ],
)  # fmt: skip
def test_malformed_files(tmp_path: Path, content: Any, expected: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=expected):
        len(CocoCaptionsReader(str(path), str(tmp_path), "train"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bz2.compress(b'{"image_id": "x_0"}'), r"t\.jsonl\.bz2:1: 'image_id' should begin with the number of an image"),
        (
            bz2.compress(b'{"image_id": "%s_0"}' % (b"9" * 5000)),
            r"1: 'image_id' should begin with the number of an image",
        ),
        (bz2.compress(b'\n{"image_id": "9_0"}'), r"t\.jsonl\.bz2:2: no field 'trg_lang'"),
        (bz2.compress(b"{"), r"t\.jsonl\.bz2:1: no JSON"),
        (bz2.compress(b'{"image_id": "9_0"}' * 99)[:40], r"t\.jsonl\.bz2: "),
        (b"no bz2", r"t\.jsonl\.bz2:1: no JSON"),
    ],
)
def test_malformed_translations(tmp_path: Path, data: bytes, expected: str) -> None:
    (tmp_path / "t.jsonl.bz2").write_bytes(data)
    path = write(tmp_path / "dataset_coco.json", SPLITS)
    with pytest.raises(DataError, match=expected):
        CocoCaptionsReader(path, str(tmp_path), "train", str(tmp_path / "t.jsonl.bz2")).record(0)


def read(folder: Path, content: Any, *options: str) -> CocoCaptionsReader:
    return CocoCaptionsReader(write(folder / "c.json", content), str(folder), "train", *options)


def captions(reader: CocoCaptionsReader) -> list[tuple[str, ...]]:
    return [reader.record(number).captions["en"] for number in range(len(reader))]


@pytest.mark.parametrize("dataset", ["flickr30k", "flickr8k"])
def test_karpathys_files_of_flickr_have_no_ids_of_coco(
    tmp_path: Path, image: Callable[..., Path], dataset: str
) -> None:
    image(tmp_path / "1000092795.jpg")
    entry = {
        "sentids": [0], "imgid": 0, "split": "train", "filename": "1000092795.jpg",
        "sentences": [{"tokens": ["two", "men"], "raw": "Two men.", "imgid": 0, "sentid": 0}],
    }  # fmt: skip
    reader = read(tmp_path, {"images": [entry], "dataset": dataset})
    record = reader.record(0)
    assert record.captions == {"en": ("Two men.",)} and record.read_image()
    assert record.name.endswith("c.json: 1000092795.jpg")
    with pytest.raises(DataError, match=r"images\[0\]: no field 'cocoid', which `translations` refer to"):
        len(read(tmp_path, {"images": [entry]}, translations(tmp_path / "coco_mt_train.jsonl.bz2")))


def test_vizwiz_has_no_sizes_and_marks_unusable_captions(tmp_path: Path) -> None:
    """The publisher excludes captions that workers chose from a list (precanned) or that were rejected."""
    images = [
        {"file_name": f"VizWiz_train_{n:08}.jpg", "id": n, "vizwiz_url": "", "text_detected": True} for n in (0, 1)
    ]
    said = [("A can.", False, False), ("Quality issues are too severe.", True, False), ("buy me", False, True)]
    annotations = [
        {
            "caption": text,
            "image_id": 0,
            "id": n,
            "is_precanned": precanned,
            "is_rejected": rejected,
            "text_detected": True,
        }
        for n, (text, precanned, rejected) in enumerate(said)
    ]
    annotations.append({**annotations[1], "image_id": 1, "id": 3})
    reader = read(tmp_path, {"images": images, "annotations": annotations})
    assert captions(reader) == [("A can.",)] and reader.record(0).size is None
    assert [damage.partition("c.json: ")[2] for damage in reader.damages] == [
        "annotations[1]: a precanned caption is left out, one of 2",
        "annotations[2]: a rejected caption is left out, one of 1",
    ]


def test_nocaps(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "0013ea2087020901.jpg")
    entry = {
        "license": 0, "open_images_id": "0013ea2087020901", "file_name": "0013ea2087020901.jpg", "id": 0, "width": 1024,
        "height": 732, "coco_url": "", "date_captured": "", "domain": "near-domain",
    }  # fmt: skip
    said = {"image_id": 0, "id": 0, "caption": "A baby."}
    record = read(tmp_path, {"licenses": [], "info": {}, "images": [entry], "annotations": [said]}).record(0)
    assert record.captions == {"en": ("A baby.",)} and record.size == (732, 1024) and record.read_image()


BLANKS = ("", " ", "\n", "\u00a0\t")


def test_blank_captions_are_skipped(tmp_path: Path) -> None:
    images = [karpathy(9, "train", *BLANKS, "A cat."), karpathy(7, "train", *BLANKS)]
    reader = read(tmp_path, {"images": images})
    assert captions(reader) == [("A cat.",)]
    assert [damage.partition("c.json: ")[2] for damage in reader.damages] == [
        "images[0]: sentences[0]: a blank caption is left out, one of 8"
    ]
    coco = [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2)]
    said = [{"image_id": n, "caption": text} for n in (1, 2) for text in (*BLANKS, *["A cat."][: 2 - n])]
    assert captions(read(tmp_path, {"images": coco, "annotations": said})) == [("A cat.",)]


def test_blank_translations_are_skipped_and_add_no_language(tmp_path: Path) -> None:
    rows = [{"image_id": "9_0", "trg_lang": "th", "translation_tokenized": text} for text in BLANKS]
    rows += [{"image_id": "9_0", "trg_lang": "en", "translation_tokenized": "A cat, translated."}]
    (tmp_path / "t.jsonl.bz2").write_bytes(bz2.compress("\n".join(map(json.dumps, rows)).encode()))
    reader = read(tmp_path, {"images": [karpathy(9, "train", "A cat.")]}, str(tmp_path / "t.jsonl.bz2"))
    assert reader.languages == ("en",) and reader.record(0).captions == {"en": ("A cat.", "A cat, translated.")}


def test_ids_without_references_may_be_equal(tmp_path: Path) -> None:
    """In Karpathy's file without translations; ids of annotations always."""
    reader = read(tmp_path, {"images": [karpathy(9, "train", "A cat."), karpathy(9, "train", "A dog.")]})
    assert captions(reader) == [("A cat.",), ("A dog.",)]
    said = [{"id": 0, "image_id": n, "caption": f"a {n}"} for n in (1, 2, 2)]
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2)]
    reader = read(tmp_path, {"images": images, "annotations": said})
    assert captions(reader) == [("a 1",), ("a 2", "a 2")]


def test_duplicate_ids_with_translations_are_an_error(tmp_path: Path) -> None:
    translated = translations(tmp_path / "coco_mt_train.jsonl.bz2")
    images = [karpathy(9, "train", "A cat."), karpathy(9, "train", "A dog.") | {"filename": "other.jpg"}]
    with pytest.raises(DataError, match=r"images\[1\]: 'cocoid' 9 is already that of .*images\[0\]"):
        read(tmp_path, {"images": images}, translated).record(0)


@pytest.mark.parametrize(
    ("change", "expected", "kept"),
    [
        ({"caption": None}, r"annotations\[7\]: 'caption' should be a text, not nothing", 200),
        ({"caption": ["a", "b"]}, r"annotations\[7\]: 'caption' should be a text, not a list", 200),
        ({"image_id": 999}, r"annotations\[7\]: 'image_id' 999 is no image of the file", 199),
        ({"image_id": None}, r"annotations\[7\]: 'image_id' should be a whole number or a name, not nothing", 199),
    ],
)
def test_one_bad_caption_of_many_is_reported_alone(tmp_path: Path, change: Any, expected: str, kept: int) -> None:
    """It is an error of its image or, if the image is unknown, skipped."""
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in range(200)]
    said = [{"image_id": n, "caption": f"a {n}", **(change if n == 7 else {})} for n in range(200)]
    reader = read(tmp_path, {"images": images, "annotations": said})
    assert len(reader) == kept
    assert reader.record(kept - 1).captions == {"en": ("a 199",)}
    if kept < 200:
        assert [*map(re.compile(expected).search, reader.damages)] != [None]
    else:
        with pytest.raises(DataError, match=expected):
            reader.record(7)


@pytest.mark.parametrize(
    "there", ["000000000009.jpg", "COCO_train2014_000000000009.jpg", "COCO_val2014_000000000009.jpg"]
)
@pytest.mark.parametrize("expected", ["000000000009.jpg", "COCO_train2014_000000000009.jpg"])
def test_names_of_both_releases_are_one_image(
    tmp_path: Path, image: Callable[..., Path], there: str, expected: str
) -> None:
    image(tmp_path / there)
    content = {"images": [{"id": 9, "file_name": expected}], "annotations": [{"image_id": 9, "caption": "A cat."}]}
    assert read(tmp_path, content).record(0).read_image()
    entry = karpathy(9, "train", "A cat.") | {"filename": expected}
    assert read(tmp_path, {"images": [entry]}).record(0).read_image()


def test_textcaps_has_an_entry_for_each_caption(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "train_images" / "9cd5f.jpg")
    both = ["A sign.", "A red sign."]
    entries: list[dict[str, Any]] = [
        {"caption_str": text, "caption_id": n, "image_id": "9cd5f", "image_classes": [], "image_width": 8,
         "image_height": 6, "set_name": "train", "image_name": "9cd5f", "image_path": "train/9cd5f.jpg",
         "reference_strs": both, "reference_tokens": [], "caption_tokens": []}
        for n, text in enumerate([*both, " "])
    ]  # fmt: skip
    path = write(tmp_path / "TextCaps_0.1_train.json", {"dataset_name": "textcaps", "data": entries})
    reader = CocoCaptionsReader(path, str(tmp_path / "train_images"), "train")
    assert len(reader) == 1 and captions(reader) == [("A sign.", "A red sign.")] and reader.record(0).read_image()
    assert len(reader.damages) == 1
    hidden = [{name: value for name, value in entry.items() if name != "caption_str"} for entry in entries]
    with pytest.raises(DataError, match=r"data\[0\]: no field 'caption_str'"):
        len(read(tmp_path, {"data": hidden}))


def test_null_sizes_are_ignored(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "1.jpg", "height": None, "width": None}]
    path = write(tmp_path / "c.json", {"images": images, "annotations": [{"image_id": 1, "caption": "a"}]})
    assert CocoCaptionsReader(path, str(tmp_path), "train").record(0).size is None


def test_a_blank_language_code_is_an_error(tmp_path: Path) -> None:
    said = [{"image_id": "9_0", "trg_lang": " ", "translation_tokenized": "x"}]
    said += [{"image_id": "9_0", "trg_lang": "de", "translation_tokenized": "x"}] * 40
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, said)))
    reader = CocoCaptionsReader(write(tmp_path / "c.json", SPLITS), str(tmp_path), "train", str(tmp_path / "t.jsonl"))
    assert reader.languages == ("en", "de")
    assert [damage.rpartition("/")[2] for damage in reader.damages] == ["t.jsonl:1: 'trg_lang' is blank."]


def test_the_file_of_cocos_test_images_has_no_captions(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "COCO_test2014_000000000009.jpg", shade=5)
    listed = {"images": [{"id": 9, "file_name": "COCO_test2014_000000000009.jpg", "height": 3, "width": 4}]}
    (tmp_path / "i.json").write_text(json.dumps(listed))
    record = CocoCaptionsReader(str(tmp_path / "i.json"), str(tmp_path), "test").record(0)
    assert (record.id, record.hidden, record.captions) == (9, True, {}) and record.read_image()
    with pytest.raises(DataError, match=r"i\.json: images\[0\]: no field 'split'"):
        len(CocoCaptionsReader(str(tmp_path / "i.json"), str(tmp_path), "train"))
