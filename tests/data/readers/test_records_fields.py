"""Every malformed line is told, with line, field and what was expected; masks in all forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.readers.records import RecordsReader, _create
from pali3kit.data.readers.records_fields import unread_fields
from pali3kit.errors import DataError

SIZE = (6, 8)  # height, width
POLYGON = [[1, 1, 5, 1, 5, 5, 1, 5]]
Write = Callable[..., RecordsReader]


@pytest.fixture
def write(tmp_path: Path, image: Callable[..., Path]) -> Write:
    image(tmp_path / "1.png")

    def one(entry: object) -> RecordsReader:
        (tmp_path / "r.jsonl").write_text(entry if isinstance(entry, str) else json.dumps(entry))
        return RecordsReader(str(tmp_path / "r.jsonl"))

    return one


def thing(**changes: object) -> dict[str, object]:
    return {"image": "1.png", "things": [{"label": "cat", "bbox": [1, 1, 4, 4], **changes}]}


def asked(**changes: object) -> dict[str, object]:
    return {"image": "1.png", "questions": [{"question": "what?", "answers": ["a cat"], **changes}]}


MALFORMED: list[tuple[object, str]] = [
    ('{"image": "1.png", "caption": "a', "no JSON: "),
    ('["1.png", "a cat"]', "this should be a mapping, not a list."),
    ({"Image": "1.png", "caption": "a"}, "unknown field 'Image'. Did you mean 'image'?"),
    ({"image": "1.png", "captoin": "a"}, "unknown field 'captoin'. Did you mean 'caption'?"),
    ({"image": "1.png", "caption": "a", "thing": []}, "unknown field 'thing'. Did you mean 'things'?"),
    ({"image": "1.png", "caption": "a", "spilt": "test"}, "unknown field 'spilt'. Did you mean 'split'?"),
    ({"image": "1.png", "caption": "a", "label": "cat"}, "unknown field 'label'. Did you mean 'labels'?"),
    ({"image": "1.png", "question": "what?", "answers": ["a"]}, "unknown field 'question'. Did you mean 'questions'?"),
    ({"file": "1.png", "caption": "a"}, "no field 'image'. Choose from caption, file."),
    ({"image": 7, "caption": "a"}, "'image' should be a text, not the number 7."),
    ({"image": "1.png", "text": "a"}, "none of caption, captions, questions, things, words, labels. Choose from"),
    ({"image": "1.png", "captions": {"de": 7}}, "'captions' should be a text, not the number 7."),
    ({"image": "1.png", "labels": {"cat": 1}}, "'labels' should be a text, not a mapping."),
    ({"image": "1.png", "labels": [" "]}, "all of its annotations are blank."),
    (asked(answer="a cat"), None),  # type: ignore[list-item]  # `answers` is there, so that `answer` is another field
    ({"image": "1.png", "questions": [{"question": "what?", "answer": "a"}]},
     "questions[0]: unknown field 'answer'. Did you mean 'answers'?"),
    (asked(answers="a cat"), "questions[0]: 'answers' should be a list, not the text 'a cat'."),
    (asked(languge="de"), "questions[0]: unknown field 'languge'. Did you mean 'language'?"),
    ({"image": "1.png", "things": {"label": "cat"}}, "'things' should be a list, not a mapping."),
    ({"image": "1.png", "things": [{"label": "cat", "box": [1, 1, 2, 2]}]},
     "things[0]: unknown field 'box'. Did you mean 'bbox'?"),
    ({"image": "1.png", "things": [{"name": "cat", "bbox": [1, 1, 2, 2]}]},
     "things[0]: no field 'label'. Choose from bbox, name."),
    (thing(bbox=[1, 1, 4]), "things[0]: 'bbox' should have 4 numbers, not 3."),
    (thing(bbox=[9, 1, 4, 4]), "things[0]: 'bbox' [9.0, 1.0, 4.0, 4.0] is empty or outside an image of 6x8"),
    (thing(expressions=[7]), "things[0]: 'expressions' should be a text, not the number 7."),
    (thing(expresions=["a"]), "things[0]: unknown field 'expresions'. Did you mean 'expressions'?"),
    (thing(mask=7), "things[0]: 'mask' should be polygons, run lengths or the path of a PNG, not the number 7."),
    ({"image": "1.png", "words": [{"text": "open", "bbox": [1, 1, 0]}]},
     "words[0]: 'bbox' should have 4 numbers, not 3."),
    ({"image": "1.png", "words": [{"texts": "open", "bbox": [1, 1, 1, 1]}]},
     "words[0]: unknown field 'texts'. Did you mean 'text'?"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "told"), MALFORMED)
def test_malformed_lines(entry: object, told: str | None, write: Write) -> None:
    reader = write(entry)
    assert len(reader) == 1
    if told is None:
        assert reader.record(0).questions
        return
    with pytest.raises(DataError) as caught:
        reader.record(0)
    where, _, text = str(caught.value).partition("r.jsonl:1: ")
    assert where and text.startswith(told), caught.value


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        ([[1, 1, 5, 1]], "a polygon of 4 numbers: it needs x and y of three points at least"),
        ([["x"] * 6], "a polygon[0] should be a number, not the text 'x'."),
        ({"size": [8, 6], "counts": [48]}, "run lengths of a mask of a list [8, 6], but the image is (6, 8)"),
        ({"size": [6, 8], "counts": [4]}, "runs of 4 pixels in all, in an image of 6x8"),
        ("absent.png", "there is no image absent.png"),
        ("small.png", "small.png has 4x4 pixels (height x width), the image 6x8"),
        ("mask.jpg", "mask.jpg: a mask should be a PNG, not JPEG"),
        ("r.jsonl", "r.jsonl: not an image in a known format"),
        ("../1.png", "'../1.png' is no file in it"),
    ],
)
def test_malformed_masks_are_told_and_counted_where_they_are_drawn(
    mask: object, told: str, write: Write, tmp_path: Path
) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "small.png")
    Image.new("L", (8, 6)).save(tmp_path / "mask.jpg")
    assert write(thing(mask=mask)).record(0).things
    source = _create(str(tmp_path / "r.jsonl"))
    assert source.task("instance", 1000).draw("train", 0, np.random.default_rng(0)) is None
    [line] = source.skips.drain()
    assert line.partition("r.jsonl:1: things[0]: 'mask': ")[2].endswith(told) or told in line, line
    assert "things[0]: 'mask'" in line and source.skips.bad == 1


def test_masks_in_all_forms(write: Write, tmp_path: Path) -> None:
    expected = np.zeros(SIZE, bool)
    expected[1:5, 1:5] = True
    levels = expected.astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "Größe.png")
    runs = [int(n) for n in np.diff(np.flatnonzero(np.diff(np.r_[-1, expected.T.ravel().astype(int), -1])))]
    for mask in (POLYGON, POLYGON[0], {"size": SIZE, "counts": runs}, "Größe.png"):
        [found] = write(thing(mask=mask)).record(0).things
        assert found.mask is not None
        np.testing.assert_array_equal(found.mask(), expected, err_msg=str(mask))


def test_fields_that_are_not_read() -> None:
    entry = {"image": "1.png", "image_id": 7, "things": [{"label": "a", "area": 3}, {"area": 4}], "words": ["open"]}
    assert [*unread_fields(entry)] == ["image_id", "things[].area", "things[].area"]
