"""TextCaps: from its files to CIDEr."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.errors import DataError
from pali3kit.metrics import cider

CAPTIONS = {"0a1b": ["A red sign says stop.", "A stop sign."], "2c": ["A bus with 42 on it.", "Bus number 42."]}


def records(caption: str = "caption_str") -> dict[str, Any]:
    found = [
        {"image_id": name, "image_name": name, "caption_id": number, caption: text, "reference_strs": texts,
         "image_classes": [], "set_name": "val"}
        for number in range(2) for name, texts in CAPTIONS.items() for text in texts[number : number + 1]
    ]  # fmt: skip
    return {"dataset_name": "textcaps", "dataset_type": "val", "data": found}


@pytest.fixture
def textcaps(put: Any) -> Any:
    for split in ("train", "val"):
        put(f"textcaps/TextCaps_0.1_{split}.json", records())
    for shade, name in enumerate(CAPTIONS):
        put(f"textvqa/train_images/{name}.jpg", shade)
    return put


def test_from_files_to_score(textcaps: Any, measured: Any) -> None:
    found = measured("textcaps")
    assert [example.references for example in found.examples] == [tuple(texts) for texts in CAPTIONS.values()]
    assert [example.prompt for example in found.examples] == ["Generate the alt_text in EN at 0: <extra_id_0>"] * 2
    assert [int(image[0, 0, 0]) for image in found.images] == [0, 1]
    said = ["a red sign says stop", "a dog"]
    assert found.score(*said).value == pytest.approx(100 * cider(said, list(CAPTIONS.values()))[0])
    assert found.score(*said).samples[0] > 100 > found.score(*said).samples[1]


def test_the_test_file_has_no_captions(textcaps: Any, measured: Any) -> None:
    listed = records("reference_strs_of")
    textcaps("textcaps/TextCaps_0.1_val.json", listed)
    found = measured("textcaps").examples
    assert [(example.id, example.hidden, example.references) for example in found] == [
        ("0a1b", True, ()), ("2c", True, ()),
    ]  # fmt: skip
    assert [example.prompt for example in found] == ["Generate the alt_text in EN at 0: <extra_id_0>"] * 2
    textcaps("textcaps/TextCaps_0.1_train.json", listed)
    with pytest.raises(DataError, match=r"TextCaps_0.1_train.json: data\[0\]: no field 'caption_str'"):
        measured("textcaps").source.size("train")


def test_a_record_without_a_caption_among_others_is_refused(textcaps: Any, measured: Any) -> None:
    listed = records()
    del listed["data"][0]["caption_str"]
    textcaps("textcaps/TextCaps_0.1_val.json", listed)
    found = measured("textcaps")
    assert [example.id for example in found.examples] == ["2c"]
    assert any("data[0]: no field 'caption_str'" in line for line in found.source.skips.lines)
