"""Published words of OCR systems: Rosetta's, Microsoft's, Textract's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import fsspec
import pytest

from pali3kit.data.readers.published_ocr import PublishedOcr
from pali3kit.data.record import Word
from pali3kit.errors import DataError

BOX = {"top_left_x": 0.1, "top_left_y": 0.2, "width": 0.3, "height": 0.1, "rotation": 0.0, "roll": 0.0}
ROSETTA: dict[str, Any] = {"data": [
    {"image_id": "0a1b", "ocr_tokens": ["STOP", "here"], "ocr_info": [
        {"word": "STOP", "bounding_box": BOX}, {"word": " he\nre ", "bounding_box": {**BOX, "top_left_x": 0.5}},
    ]},
    {"image_id": "2c", "ocr_tokens": ["exit"]},
    {"image_id": "3d", "ocr_tokens": [], "ocr_info": []},
]}  # fmt: skip
CORNERS = [10, 20, 60, 20, 60, 40, 10, 41]
MICROSOFT: dict[str, Any] = {"status": "Succeeded", "recognitionResults": [
    {"page": 1, "lines": [{"text": "May 3", "boundingBox": CORNERS, "words": [
        {"text": "May", "boundingBox": CORNERS}, {"text": "3", "boundingBox": [70, 20, 90, 20, 90, 40, 70, 40]},
    ]}]},
]}  # fmt: skip
TEXTRACT: dict[str, Any] = {
    "PAGE": [{}],
    "LINE": [{"Text": "two fruits"}],
    "WORD": [
        {"Text": "two", "Geometry": {"BoundingBox": {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.1}}},
    ],
}


@pytest.fixture
def published(tmp_path: Path) -> Any:
    """Words from one file of JSON, or from a folder of them by name."""

    def write(content: Any, **pages: Any) -> PublishedOcr:
        for name, page in pages.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(page))
        if content is not None:
            (tmp_path / "all.json").write_text(json.dumps(content))
        return PublishedOcr(str(tmp_path if content is None else tmp_path / "all.json"))

    return write


def test_rosettas_words_are_found_by_the_id_of_the_image(published: Any) -> None:
    found = published(ROSETTA)
    assert found.words(["0a1b"]) == (
        Word("STOP", (2000, 1000, 3000, 4000)),
        Word("he re", (2000, 5000, 3000, 8000)),
    )
    assert found.words(["x", "2c"]) == (Word("exit"),), "tokens without places"
    assert found.words(["3d"]) == found.words(["unknown"]) == ()
    assert [file.name for file in found.files] == ["all.json"]


def test_words_of_a_page_are_in_the_file_of_its_name(published: Any) -> None:
    found = published(None, abcd0001_1=MICROSOFT)
    expected = (Word("May", (20, 10, 41, 60)), Word("3", (20, 70, 40, 90)))
    assert found.words(["documents/abcd0001_1.png"]) == found.words(["abcd0001_1.json"]) == expected
    assert found.words(["documents/abcd0002_1.png"]) == ()


def test_textracts_words_are_those_of_an_infographic(published: Any) -> None:
    found = published(None, **{"17": TEXTRACT, "18": {**TEXTRACT, "WORD": []}})
    assert found.words(["17.jpeg"]) == (Word("two", (2000, 1000, 3000, 4000)),) and found.words(["18.jpeg"]) == ()
    assert [file.name for file in found.files] == ["17.json", "18.json"]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"analyzeResult": {}}, "no field 'recognitionResults' or 'WORD' among its fields: analyzeResult."),
        ({"recognitionResults": [{"lines": [{"words": [{"text": 3, "boundingBox": CORNERS}]}]}]},
         "recognitionResults[0]: lines[0]: words[0]: 'text' should be a text, not the number 3."),
        ({"recognitionResults": [{"lines": [{"words": [{"text": "a", "boundingBox": [1, 2]}]}]}]},
         "words[0]: 'boundingBox' should have 8 numbers, not 2."),
        ({"WORD": [{"Text": "a", "Geometry": {"BoundingBox": {"Left": 1e30, "Top": 0, "Width": 0, "Height": 0}}}]},
         "WORD[0]: its box should be in an image"),
        ({"WORD": [{"Text": "a"}]}, "WORD[0]: no field 'Geometry'."),
    ],
)  # fmt: skip
def test_a_malformed_page_is_refused_by_file_and_field(published: Any, page: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"p\.json: .*{re.escape(message)}"):
        published(None, p=page).words(["p.png"])


def test_a_malformed_file_and_a_missing_one_are_refused(published: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"all\.json: data\[0\]: 'image_id' should be a text, not the number 7\."):
        published({"data": [{"image_id": 7, "ocr_tokens": []}]}).words(["7"])
    with pytest.raises(DataError, match=r"there is no file .*al\.json\. Did you mean 'all\.json'"):
        PublishedOcr(str(tmp_path / "al.json"))


def test_a_malformed_image_of_rosettas_leaves_the_others(published: Any) -> None:
    found = published({"data": [{"image_id": "0a", "ocr_info": [{"word": "STOP"}]}, *ROSETTA["data"]]})
    assert found.words(["2c"]) == (Word("exit"),)
    with pytest.raises(DataError, match=r"all\.json: data\[0\]: ocr_info\[0\]: no field 'bounding_box'"):
        found.words(["0a"])


def test_a_file_that_cannot_be_used_is_read_once(published: Any) -> None:
    found = published({"data": 3})
    for _ in range(2):
        with pytest.raises(DataError, match=r"all\.json: 'data' should be a list"):
            found.words(["0a"])
        found.files[0].unlink(missing_ok=True)


def test_a_name_that_no_file_can_have_is_refused(published: Any) -> None:
    with pytest.raises(DataError, match=r"xxx\.json: File name too long"):
        published(None, p=MICROSOFT).words(["x" * 300])


def test_no_name_leads_out_of_the_folder(published: Any, tmp_path: Path) -> None:
    (tmp_path.parent / "secret.json").write_text(json.dumps(MICROSOFT))
    assert published(None, p=MICROSOFT).words(["../secret.png"]) == ()


def test_a_folder_behind_a_url_may_have_a_dot_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALI3KIT_CACHE", str(tmp_path))
    fsspec.filesystem("memory").pipe_file("/ocr.v1/a_1.json", json.dumps(MICROSOFT).encode())
    for url in ("memory://ocr.v1", "memory://ocr.v1/"):
        assert PublishedOcr(url).words(["a_1.png"]) == PublishedOcr(url).words(["a_1"]) != ()
