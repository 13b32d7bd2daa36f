"""JSON Lines of your own annotations: every field, and malformed ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.mixture import Mixture
from pali3kit.data.reader import Reader
from pali3kit.data.readers.records import RecordsReader, _create
from pali3kit.data.record import Asked, Thing, Word
from pali3kit.data.record_tasks import draw_of
from pali3kit.data.source import STRETCH
from pali3kit.data.union import UnionSource
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
Lines = Callable[..., RecordsReader]


@pytest.fixture
def lines(tmp_path: Path, image: Callable[..., Path]) -> Lines:
    for name in ("a/1.jpg", "2.jpg"):
        image(tmp_path / "images" / name)

    def write(*entries: object, **options: object) -> RecordsReader:
        found = (entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)
        (tmp_path / "r.jsonl").write_text("\n".join(found))
        return RecordsReader(str(tmp_path / "r.jsonl"), str(tmp_path / "images"), **options)  # type: ignore[arg-type]

    return write


def test_all_fields(lines: Lines) -> None:
    reader: Reader = lines(ALL, "", {"image": "2.jpg", "captions": ["a dog", "a hound"]})
    assert len(reader) == 2 and reader.classes == ("cat", "mat") and reader.languages == ("en", "de")
    record = reader.record(0)
    assert record.name.endswith("r.jsonl:1") and record.size is None and record.read_image()
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
        len(RecordsReader(path, images, split="tests"))


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
    assert record.things[0].box == (0, 0, 8, 6)
    detected = draw_of("detect", 1000, ("cat",), 64)(record, np.random.default_rng(0))
    assert detected is not None and detected.target.startswith("0 0 999 999")


@pytest.mark.parametrize("orientation", [3, 6])
def test_without_a_written_size_every_image_with_boxes_is_rotated(
    orientation: int, lines: Lines, tmp_path: Path
) -> None:
    """Upside down or square, its size does not tell; with a size in the file, that would be ambiguous."""
    turned = Image.Exif()
    turned[0x0112] = orientation
    stored = Image.new("RGB", (8, 8))
    stored.paste("white", (0, 0, 8, 2))  # the upper edge as stored
    stored.save(tmp_path / "images/2.jpg", exif=turned, quality=100, subsampling=0)
    entry = {"image": "2.jpg", "things": [{"label": "edge", "bbox": [0, 6, 8, 2]}]}
    path, images = str(tmp_path / "r.jsonl"), str(tmp_path / "images")
    lines(entry)
    shown = _create(path, images).image("train", 0)
    assert (shown[6:].min() > 200) if orientation == 3 else (shown[:, 6:].min() > 200)
    lines({**entry, "height": 8, "width": 8})
    with pytest.raises(DataError, match="its EXIF rotates it"):
        _create(path, images).image("train", 0)


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
    with pytest.raises(DataError, match=r"r\.jsonl:1: unknown field 'captoin'\. Did you mean 'caption'\?$"):
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


SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]  # a polygon
MASKED = {"label": "cat", "bbox": [1, 1, 4, 4], "mask": SQUARE}
REFERRED = [
    {**MASKED, "expressions": ["the left one", " ", "the cat"]},
    {**MASKED, "label": "dog", "expressions": "a dog"},
    {"label": "mat", "bbox": [0, 0, 8, 6], "expressions": ["what it lies on"]},
]
EXPRESSIONS = ("the left one", "the cat", "a dog")  # of things with a mask


def test_the_split_of_the_test_is_named_in_the_same_file(lines: Lines, tmp_path: Path) -> None:
    def told(number: int, **more: str) -> dict[str, object]:
        return {"image": "2.jpg", "caption": str(number), **more}

    lines(told(0), told(1, split="train"), told(2, split="test"), told(3, split="val"))
    path, images = str(tmp_path / "r.jsonl"), str(tmp_path / "images")

    def captions(of: str, **options: str) -> set[str]:
        source = _create(path, images, **options)  # type: ignore[arg-type]
        return {source.record(of, index).captions["en"][0] for index in range(source.size(of))}

    assert captions("train", test_split="test") == {"0", "1", "3"} and captions("test", test_split="test") == {"2"}
    assert captions("train", test_split="test", split="train") == {"1"}
    assert captions("train") == {"0", "1", "2", "3"} and not captions("test")
    assert captions("train", test=path, test_split="test") == {"0", "1", "2", "3"}, "as it is named"
    with pytest.raises(DataError, match="split and test_split are both 'test': the test images would be trained on"):
        _create(path, images, split="test", test_split="test")


def test_images_lie_beside_the_file_unless_another_folder_is_named(lines: Lines, tmp_path: Path) -> None:
    lines({"image": "images/2.jpg", "caption": "a"})
    assert _create(str(tmp_path / "r.jsonl")).image("train", 0).shape == (6, 8, 3)


def test_each_expression_of_a_test_file_is_a_record(lines: Lines, tmp_path: Path) -> None:
    entry = {**ALL, "things": REFERRED, "split": "test"}
    lines(entry, {"image": "2.jpg", "caption": "a dog", "split": "test"}, {**ALL, "things": REFERRED})
    source = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images"), test_split="test")
    assert source.size("test") == 4 and source.size("train") == 1
    found = [source.record("test", index) for index in range(4)]
    assert [[t.expressions for t in record.things] for record in found] == [
        [("the left one",), (), ()], [("the cat",)], [("a dog",)], [],
    ]  # fmt: skip
    assert [len(record.questions) for record in found] == [1, 1, 0, 0]
    assert [bool(record.captions) for record in found] == [True, False, False, True]
    task = source.task("refer_only", 1000)
    assert [*task.where("test", 4)] == [range(3)]
    asked = [task.draw("test", index, np.random.default_rng(0)) for index in range(3)]
    assert all(each and expression in each.prompt for each, expression in zip(asked, EXPRESSIONS, strict=True))
    assert all(each and each.mask is not None and each.mask.sum() == 16 for each in asked)
    with pytest.raises(DataError, match=r"the test split has 4 images, not 5: lower data\.test"):
        task.where("test", 5)


def test_regions_are_drawn_from_the_lines_that_have_them(lines: Lines, tmp_path: Path) -> None:
    """A mixture gives a task up after a hundred images without an example."""
    plain = [{"image": "2.jpg", "caption": str(number)} for number in range(300)]
    lines(*plain, {"image": "2.jpg", "things": REFERRED}, {"image": "2.jpg", "things": [MASKED]})
    source = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images"))
    for name, expected in (("refer", 1), ("instance", 2)):
        task = source.task(name, 1000)
        [*places] = [index for ahead in task.where("train", 604) for index in ahead]
        assert len(places) == 2 * expected and all(
            task.draw("train", index, np.random.default_rng(0)) is not None for index in places
        )
        Mixture({name: (task, 1.0)}, "train", 302, seed=0).example(0, 0)
    lines(*plain)
    task = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images")).task("refer", 1000)
    with pytest.raises(DataError, match="none of the 300 images of the train split is one for task 'refer'"):
        Mixture({"refer": (task, 1.0)}, "train", 300, seed=0)


@pytest.mark.parametrize(
    ("name", "rare"),
    [
        ("caption", {"caption": "a cat"}), ("caption_de", {"captions": {"de": "eine Katze"}}),
        ("splitcap", {"captions": {"de": "eine Katze"}}), ("ocr", {"words": ["open"]}),
        ("vqa", {"questions": [{"question": "what?", "answers": ["cat"]}]}),
        ("detect", {"things": [{"label": "mat", "bbox": [0, 0, 8, 6]}]}),
    ],
)  # fmt: skip
def test_a_task_that_few_lines_have_is_drawn_from_these(
    name: str, rare: dict[str, object], lines: Lines, tmp_path: Path
) -> None:
    others = [{"image": "2.jpg", "labels": "indoors"}] * 1999
    common = [{"image": "2.jpg", **rare}] * 60
    for entries, few in (([*others, {"image": "2.jpg", **rare}], True), ([*others, *common], False)):
        lines(*entries)
        source = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images"))
        task, count = source.task(name, 1000), source.size("train")
        assert (sum(map(len, task.where("train", count))) == 1) is few
        assert [*task.where("train", count)] == [range(count)] or few, "as it was before some were left out"
        Mixture({name: (task, 1.0)}, "train", count, seed=0).example(0, 0)


def test_labels_of_images_are_classes_beside_those_of_things(lines: Lines, tmp_path: Path) -> None:
    lines({"image": "2.jpg", "labels": ["indoors", "cat"]}, {**ALL, "labels": "outdoors"})
    source = _create(str(tmp_path / "r.jsonl"), str(tmp_path / "images"))
    assert source.classes == ("indoors", "cat", "mat", "outdoors")
    assert {source.record("train", n).name[-1]: source.labels("train", n) for n in range(2)} == {
        "1": (0, 1), "2": (1, 2, 3),
    }  # fmt: skip
    assert "indoors, cat" in set(source.sentences(0, 1000))
    number = next(n for n in range(2) if source.record("train", n).things)
    task = source.task("object_vqa", 1000)
    prompts = {task.draw("train", number, np.random.default_rng(seed)).prompt for seed in range(40)}  # type: ignore[union-attr]
    assert any("indoors" in prompt for prompt in prompts) and not any("outdoors" in prompt for prompt in prompts)


def test_encoders_learn_from_the_lines_with_texts_or_labels(lines: Lines, tmp_path: Path) -> None:
    """Most lines of a file of everything may have neither, and are no bad ones."""
    told = [{"image": "2.jpg", "words": ["a"]}] * 6
    told += [{"image": "2.jpg", "caption": "a dog"}, {"image": "2.jpg", "labels": "dog"}, ALL]
    lines(*told)
    options = {"path": str(tmp_path / "r.jsonl"), "images": str(tmp_path / "images")}
    whole, union = _create(**options), UnionSource({"own": {"name": "records", **options}})
    for source in (whole, union):
        texts, labels = source.telling("texts"), source.telling("labels")
        assert (texts.size("train"), labels.size("train"), source.size("train")) == (2, 2, 9)
        assert source.telling("texts") is texts and source.telling("masks") is source
        assert texts.classes == labels.classes == source.classes
        rng = np.random.default_rng(0)
        assert {texts.alt_text("train", STRETCH + n, rng) for n in range(30)} == {"a dog", "a cat on a mat"}
        assert len({labels.labels("train", STRETCH + n) for n in range(6)}) == 2
        assert not texts.skips.bad
    lines(*[{"image": "2.jpg", "caption": "a dog"}] * 39, {"image": "2.jpg", "words": ["a"]})
    nearly = _create(**options)
    assert nearly.telling("texts") is nearly, "the order of what was trained before stays"
    assert nearly.telling("labels") is nearly, "the error says that nothing has a class"


def test_attributes_travel_from_a_line_to_its_examples(lines: Lines, tmp_path: Path) -> None:
    lines({**ALL, "attributes": {"age": " 20-29 ", "gender": None, "mood": " "}})
    path = str(tmp_path / "r.jsonl")
    source = _create(path, str(tmp_path / "images"), test=path)
    assert source.record("train", 0).attributes == {"age": "20-29"}
    for index in range(2):
        example = source.task("vqa", 1000).draw("test", index, np.random.default_rng(1))
        assert example is not None and example.attributes == {"age": "20-29"}


@pytest.mark.parametrize(
    ("attributes", "message"),
    [(["a"], "'attributes' should be a mapping, not a list."), ({"age": 20}, "attributes: 'age' should be a text")],
)
def test_malformed_attributes_are_named(lines: Lines, attributes: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        lines({**ALL, "attributes": attributes}).record(0)
