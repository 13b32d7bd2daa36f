"""JSON Lines of your own annotations: every field, and malformed ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.reader import Reader
from pali3kit.data.readers.records import _create, _RecordsReader
from pali3kit.data.record import Asked, Thing, Word
from pali3kit.errors import DataError

ALL = {
    "image": "a/1.jpg",
    "split": "train",
    "caption": "a cat",
    "captions": {"de": ["eine Katze", "ein Tier"], "en": "a cat on a mat"},
    "questions": [{"question": "what is it?", "answers": ["cat", "", "a cat"]},
                  {"question": "was?", "answers": ["Katze"], "language": "de"}],
    "things": [{"label": "cat", "bbox": [1, 2, 3, 2]}, {"label": "mat", "bbox": [0, 0, 8, 6]}],
    "words": ["open", {"text": "house", "bbox": [4.2, 1, 3, 1]}],
    "id": 7,
}  # fmt: skip
Lines = Callable[..., _RecordsReader]


@pytest.fixture
def lines(tmp_path: Path, image: Callable[..., Path]) -> Lines:
    for name in ("a/1.jpg", "2.jpg"):
        image(tmp_path / "images" / name)

    def write(*entries: object, **options: object) -> _RecordsReader:
        found = (entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)
        (tmp_path / "r.jsonl").write_text("\n".join(found))
        return _RecordsReader(str(tmp_path / "r.jsonl"), str(tmp_path / "images"), **options)  # type: ignore[arg-type]

    return write


def test_all_fields(lines: Lines) -> None:
    reader: Reader = lines(ALL, "", {"image": "2.jpg", "captions": ["a dog", "a hound"]})
    assert len(reader) == 2 and reader.classes == ("cat", "mat") and reader.languages == ("en", "de")
    record = reader.record(0)
    assert record.name.endswith("r.jsonl:1") and record.size == (6, 8) and record.read_image()
    assert record.captions == {"en": ("a cat", "a cat on a mat"), "de": ("eine Katze", "ein Tier")}
    assert record.questions == (Asked("what is it?", ("cat", "", "a cat")), Asked("was?", ("Katze",), "de"))
    assert record.things == (Thing("cat", (2, 1, 4, 4)), Thing("mat", (0, 0, 6, 8)))
    assert record.words == (Word("open"), Word("house", (1, 4, 2, 7)))
    assert reader.record(1).captions == {"en": ("a dog", "a hound")} and reader.record(1).size is None


def test_splits_and_a_record_for_each_question_of_a_test_file(lines: Lines, tmp_path: Path) -> None:
    lines(ALL, {**ALL, "image": "2.jpg", "split": "test"}, {"image": "2.jpg", "caption": "a dog", "split": "test"})
    path, images = str(tmp_path / "r.jsonl"), str(tmp_path / "images")
    source = _create(path, images, split="train", test=path, test_split="test")
    assert source.size("train") == 1 and source.size("test") == 3
    assert len(source.record("train", 0).questions) == 2
    asked = [source.record("test", index).questions for index in range(3)]
    assert [[question.text for question in questions] for questions in asked] == [["what is it?"], ["was?"], []]
    assert not source.record("test", 1).captions and source.record("test", 2).captions == {"en": ("a dog",)}
    with pytest.raises(DataError, match=r"r\.jsonl: no image of split 'tests'\. Did you mean 'test'\?"):
        len(_RecordsReader(path, images, split="tests"))


def test_all_supported_tasks_are_drawn(lines: Lines, tmp_path: Path) -> None:
    lines(ALL)
    source = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images"))
    targets = {}
    for name in ("caption", "caption_de", "caption_multilingual", "splitcap", "span_corruption", "ocr", "vqa", "vqg",
                 "object_vqa", "detect"):  # fmt: skip
        example = source.task(name, 1000).draw("train", 0, np.random.default_rng(1))
        assert example is not None, name
        targets[name] = example.target
    assert targets["ocr"] == "open house" and targets["caption_de"] in ("eine Katze", "ein Tier")


def test_boxes_refer_to_the_image_as_shown(lines: Lines, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (8, 6)).save(tmp_path / "images/2.jpg", exif=turned)
    record = lines({"image": "2.jpg", "things": [{"label": "cat", "bbox": [0, 0, 6, 8]}]}).record(0)
    assert record.size == (8, 6) and record.things[0].box == (0, 0, 8, 6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ("{", "no JSON"),
        ("[1]", "this should be a mapping, not a list"),
        ("[" * 100_000, "no JSON"),
        ({"image": None}, "'image' should be a text, not nothing"),
        ({"caption": 7}, "'caption' should be a text, not the number 7"),
        ({"captions": {"de": [None]}}, "'captions' should be a text, not nothing"),
        ({"questions": "what?"}, "'questions' should be a list"),
        ({"questions": [{"question": "what?"}]}, r"questions\[0\]: no field 'answers'"),
        ({"questions": [{"question": "what?", "answers": [" "]}]}, "at least one that is not empty"),
        ({"things": [{"label": "cat", "bbox": [1, 2, 3]}]}, r"things\[0\]: 'bbox' should have 4 numbers, not 3"),
        ({"things": [{"label": "cat", "bbox": [90, 2, 3, 3]}]}, "is empty or outside an image of 6x8"),
        ({"things": [{"label": "cat", "bbox": [float("nan"), 2, 3, 3]}]}, "bbox"),
        ({"words": [7]}, r"words\[0\]: this should be a mapping, not the number 7"),
        ({"height": 0, "width": 8}, "'height' should be a whole number from 1 to 1000000, not the number 0"),
    ],
)
def test_malformed_lines_are_errors_with_their_line(changes: object, expected: str, lines: Lines) -> None:
    reader = lines(ALL, {**ALL, **changes} if isinstance(changes, dict) else changes)
    assert reader.record(0).captions
    with pytest.raises(DataError, match=rf"r\.jsonl:2: .*{expected}|r\.jsonl:2: {expected}"):
        reader.record(1)


def test_lines_without_annotations_and_paths_that_lead_out(lines: Lines) -> None:
    reader = lines({"image": "2.jpg", "captoin": "a cat"}, {"image": "../r.jsonl", "caption": "a cat"})
    with pytest.raises(DataError, match=r"r\.jsonl:1: none of caption, .*Did you mean 'captoin'\?"):
        reader.record(0)
    with pytest.raises(DataError, match=r"images: '\.\./r\.jsonl' is no file in it"):
        reader.record(1).read_image()
    with pytest.raises(DataError, match=r"r\.jsonl: no image"):
        len(lines(""))


def test_half_a_surrogate_pair_reaches_no_task(lines: Lines, tmp_path: Path) -> None:
    half = "a cut \ud83d emoji"
    lines({
        "image": "2.jpg", "captions": [half], "questions": [{"question": half, "answers": [half]}], "words": [half],
        "things": [{"label": half, "bbox": [1, 1, 2, 2]}],
    })  # fmt: skip
    source = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images"))
    assert source.classes == ("a cut ? emoji",)
    for name in ("caption", "splitcap", "span_corruption", "ocr", "vqa", "vqg", "object_vqa", "detect"):
        for seed in range(3):
            example = source.task(name, 1000).draw("train", 0, np.random.default_rng(seed))
            assert example is not None
            "".join((example.prompt, example.target, *example.references)).encode()
    "".join(source.sentences(0, 1000)).encode()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"things": [{"label": " ", "bbox": [1, 1, 2, 2]}]}, "things\\[0\\]: 'label' is blank"),
        ({"questions": [{"question": "", "answers": ["a"]}]}, "questions\\[0\\]: 'question' is blank"),
        ({"questions": [{"question": "q", "answers": ["a"], "language": ""}]}, "questions\\[0\\]: 'language' is blank"),
        ({"caption": " "}, "all of its annotations are blank"),
        ({"captions": {"en": [" "], "de": []}}, "all of its annotations are blank"),
        ({"words": [" "]}, "all of its annotations are blank"),
        ({"captions": {"": "a cat"}}, "'captions': a language code is blank"),
        ({"caption": "a", "height": 1e9, "width": 8}, "'height' should be a whole number from 1 to 1000000"),
    ],
)
def test_blank_annotations_are_errors(changes: dict[str, object], expected: str, lines: Lines) -> None:
    with pytest.raises(DataError, match=f"r.jsonl:1: {expected}"):
        lines({"image": "2.jpg", **changes}).record(0)


def test_sizes_may_be_floats_as_pandas_writes_them(lines: Lines) -> None:
    record = lines({"image": "2.jpg", "height": 6.0, "width": 8.0, "caption": "a"}).record(0)
    assert record.size == (6, 8)


def test_a_record_of_several_images(lines: Lines, tmp_path: Path) -> None:
    frames = ["2.jpg", "a/1.jpg", "2.jpg"]
    reader = lines({"images": frames, "caption": "a cat leaves", "words": ["open"]}, {"image": "2.jpg", "caption": "a"})
    record = reader.record(0)
    assert [read() for read in record.images] == [(tmp_path / "images" / name).read_bytes() for name in frames]
    assert reader.image_counts is not None and reader.image_counts.tolist() == [3, 1]
    assert lines({"image": "2.jpg", "caption": "a"}, {"images": ["2.jpg"], "caption": "b"}).image_counts is None
    asked = {"images": frames, "questions": [{"question": f"{n}?", "answers": ["1"]} for n in range(2)]}
    questions = lines(asked, single=True)
    assert questions.image_counts is not None and questions.image_counts.tolist() == [3, 3]
    assert len(questions.record(1).images) == 3 and questions.record(1).questions[0].text == "1?"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"images": []}, "'images' should name 1 to 16 images, not 0."),
        ({"images": ["2.jpg"] * 17}, "'images' should name 1 to 16 images, not 17: raise max_images."),
        ({"images": "2.jpg"}, "'images' should be a list, not the text '2.jpg'."),
        ({"images": ["2.jpg", 7]}, "'images[1]' should be a text, not the number 7."),
        ({"images": ["2.jpg"], "image": "2.jpg"}, "it has 'image' and 'images': one of them is enough."),
        ({"images": ["2.jpg"] * 2, "things": [{"label": "cat", "bbox": [1, 1, 2, 2]}]},
         "boxes need a record of one image, 'images' has 2."),
        ({}, "no field 'image'. Did you mean 'caption'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_images_is_told(entry: dict[str, object], told: str, lines: Lines) -> None:
    with pytest.raises(DataError) as caught:
        lines({**entry, "caption": "a cat"}).record(0)
    assert str(caught.value).endswith(f"r.jsonl:1: {told}") or not entry


def test_more_images_where_somebody_wants_them(lines: Lines) -> None:
    entry = {"images": ["2.jpg"] * 17, "caption": "a"}
    assert len(lines(entry, max_images=17).record(0).images) == 17


def test_one_lost_image_of_several_is_named(lines: Lines, tmp_path: Path) -> None:
    lines({"images": ["2.jpg", "3.jpg"], "caption": "a"})
    source = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images"))
    lost = source.images_with("train", 0)[1]
    with pytest.raises(DataError, match=r"r\.jsonl:1: images\[1\]: .*there is no image 3\.jpg"):
        source.image("train", lost)
