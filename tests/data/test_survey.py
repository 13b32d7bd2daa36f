"""What `check-data` counts in a file of records, which tasks and benchmarks follow, and every line that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import available_tasks
from pali3kit.config.component import Component
from pali3kit.config.tasks import TASKS
from pali3kit.data.survey import CUT, NORMALISED, Survey, survey_records

MASKED = {"label": "cat", "bbox": [1, 1, 4, 4], "mask": [[1, 1, 5, 1, 5, 5, 1, 5]], "expressions": ["it", "the cat"]}
FULL = {
    "image": "1.png", "captions": {"en": ["a cat", "a tom"], "de": "eine Katze"}, "labels": "indoors", "id": 7,
    "questions": [{"question": "what?", "answers": ["cat", "a cat"]}], "words": ["open house"],
    "things": [MASKED, {"label": "mat", "bbox": [0, 0, 8, 6], "expressions": ["below"]}],
}  # fmt: skip
Look = Callable[..., Survey]


@pytest.fixture
def look(tmp_path: Path, image: Callable[..., Path]) -> Look:
    image(tmp_path / "1.png")

    def survey(*lines: object, decode: bool = False) -> Survey:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        (tmp_path / "r.jsonl").write_text(text)
        return survey_records(str(tmp_path / "r.jsonl"), decode=decode)

    return survey


def test_everything_is_counted_by_split(look: Look) -> None:
    test = {**FULL, "split": "test"}
    found = look(FULL, {**FULL, "split": "train"}, test, "", {**test, "caption": "also"})
    assert not found.problems and found.unread == {"id": 4} and found.unmasked == 4
    assert [*found.splits] == ["", "train", "test"] and found.test_split == "test"
    assert found.train.lines == found.test.lines == 2
    assert found.train.captions == {"en": 4, "de": 2} and found.train.captioned == {"en": 2, "de": 2}
    assert found.test.counts == {
        "images": 2, "questions": 2, "answers": 4, "things": 4, "masks": 2, "expressions": 4, "words": 4, "labels": 2,
    }  # fmt: skip
    assert found.shared == ["1.png"] and look(FULL, {**FULL, "split": "train"}).shared == []
    assert {(header.format, header.size, header.rotated) for header in found.headers} == {("PNG", (6, 8), False)}


def test_a_full_file_trains_all_tasks_of_records_and_measures_their_benchmarks(look: Look) -> None:
    found = look(FULL, {**FULL, "split": "test"}, {**FULL, "split": "test"})
    assert set(found.tasks().values()) == {""}
    offered = available_tasks(Component(name="records"))
    assert offered is not None and {*found.tasks()} == {*offered} & {*TASKS}
    possible = [name for name, reason in found.benchmarks().items() if not reason]
    assert possible == ["coco", "mask_tokenizer", "refcoco", "vqav2", "xm3600"]
    assert "textvqa: vqa" in found.benchmarks()["textvqa"]
    assert not {"probe", "denoising"} & {*found.benchmarks()} and {*found.benchmarks()} <= {*BENCHMARK.names()}


@pytest.mark.parametrize(
    ("lines", "task", "why", "benchmark", "obstacle"),
    [
        ([{"captions": {"de": "a"}}], "caption", "no caption is in English (en)", "coco", "no caption is in English"),
        ([{"words": ["a"]}], "splitcap", "no line has a caption", "xm3600", "no line has a caption"),
        ([{"caption": "a"}], "caption", "", "coco", "no line has another split, such as `test`"),
        ([{"caption": "a"}, {"caption": "a", "split": "test"}], "caption", "", "coco",
         "it needs captions of 2 images of the split 'test' in one language"),
        ([{"caption": "a"}, *[{"captions": {"de": "a"}, "split": "val"}] * 2], "caption", "", "coco",
         "of the split 'val', no caption is in English (en)"),
        ([{"caption": "a"}, *[{"captions": {"de": "a"}, "split": "val"}] * 2], "ocr", "no line has words", "xm3600",
         ""),
        ([{"things": [{"label": "a", "bbox": [0, 0, 4, 4], "expressions": ["it"]}]}], "refer",
         "no thing has a mask and expressions", "mask_tokenizer", "no thing has a mask"),
        ([{"labels": ["a"]}], "detect", "no line has things", "vqav2", "no line has questions"),
    ],
)  # fmt: skip
def test_why_something_is_missing(
    lines: list[dict[str, object]], task: str, why: str, benchmark: str, obstacle: str, look: Look
) -> None:
    found = look(*({"image": "1.png", **line} for line in lines))
    assert found.tasks()[task] == why and found.benchmarks()[benchmark].startswith(obstacle)
    assert obstacle or not found.benchmarks()[benchmark]


def test_boxes_that_may_be_meant_otherwise_are_told_and_used(look: Look) -> None:
    """A box is cut where the reader rounds it to fewer pixels; a normalised one is a pixel."""
    boxes = [[0.1, 0.2, 0.5, 0.5], [4, 2, 5, 4], [-1, 0, 4, 4], [0, 0, 8.4, 6.4], [-0.4, 0, 4, 4], [0, 0, 8, 6]]
    found = look(
        FULL,
        {"image": "1.png", "things": [{"label": "a", "bbox": box} for box in boxes]},
        {"image": "1.png", "words": ["b", {"text": "a", "bbox": [0, 5, 2, 2]}]},
        {"image": "1.png", "height": 60, "width": 80, "things": [{"label": "a", "bbox": [40, 20, 40, 40]}]},
    )
    assert not found.problems and found.usable == [0, 1, 2, 3]
    told = {reason: [box.partition("r.jsonl:")[2] for box in each] for reason, each in found.doubtful.items()}
    assert told == {
        NORMALISED: ["2: things[0]: 'bbox' [0.1, 0.2, 0.5, 0.5] on an image of 6x8"],
        CUT: ["2: things[1]: 'bbox' [4, 2, 5, 4] on an image of 6x8",
              "2: things[2]: 'bbox' [-1, 0, 4, 4] on an image of 6x8",
              "3: words[1]: 'bbox' [0, 5, 2, 2] on an image of 6x8"],
    }  # fmt: skip


def test_every_line_that_cannot_be_used_is_told_once_and_the_others_are_counted(look: Look, tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 90).save(tmp_path / "torn.jpg")
    (tmp_path / "torn.jpg").write_bytes((tmp_path / "torn.jpg").read_bytes()[:1500])
    Image.new("L", (8, 6)).save(tmp_path / "black.png")
    lines = [
        FULL, '{"image"', {"image": "2.png", "caption": "a"}, {"image": "r.jsonl", "caption": "a"},
        {"image": "1.png", "things": [{**MASKED, "mask": "black.png"}]}, {"image": "torn.jpg", "caption": "a"},
        {"image": "1.png", "height": 9, "width": 9, "things": [MASKED]},
    ]  # fmt: skip
    found = look(*lines)
    told = [problem.partition("r.jsonl:")[2] for problem in found.problems]
    assert [line.partition(": ")[0] for line in told] == ["2", "3", "4", "5", "7"]
    for line, text in zip(
        told,
        ["no JSON", "there is no image 2.png", "not an image", "things[0]: 'mask' is empty", "boxes are for an image"],
        strict=True,
    ):
        assert text in line
    assert found.usable == [0, 5] and len(found.headers) == 2
    assert [line[:2] for line in (p.partition("r.jsonl:")[2] for p in look(*lines, decode=True).problems)] == [
        "2:", "3:", "4:", "5:", "6:", "7:",
    ]  # fmt: skip
