"""FairFace, CelebA and MIAP in their published layouts: attributes by hand, unknown values, rows that are left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.text.prompts import for_answer, for_caption

Write = Callable[[str, str], str]
MIAP = (
    "ImageID,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepictionOf,IsInsideOf,"
    "GenderPresentation,AgePresentation\n"
)


@pytest.fixture
def write(tmp_path: Path, image: Callable[..., Path]) -> Write:
    for name in ("val/1.jpg", "val/2.jpg", "000001.jpg", "000002.jpg", "000003.jpg", "aa.jpg", "dd.png"):
        image(tmp_path / name)

    def file(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return file


def build(name: str, **options: object) -> AnnotatedSource:
    source = SOURCE.build(name, **options)
    assert isinstance(source, AnnotatedSource)
    return source


def test_fairface(write: Write, tmp_path: Path) -> None:
    rows = (
        "file,age,gender,race,service_test\nval/1.jpg,3-9,Male,East Asian,False\nval/2.jpg,more than 70,Female,,True\n"
    )
    path = write("labels.csv", rows)
    source = build("fairface", path=path, images=str(tmp_path), test=path)
    examples = [source.task("describe", 1000).draw("test", number, np.random.default_rng(0)) for number in range(2)]
    told = [example.attributes for example in examples if example]
    assert told == [{"gender": "Male", "ethnicity": "East Asian", "age": "3-9"},
                    {"gender": "Female", "age": "more than 70"}]  # fmt: skip
    assert (
        examples[0] and examples[0].free and examples[0].prompt == for_caption("en") and examples[0].id == "val/1.jpg"
    )
    assert source.image("test", 1).shape[2] == 3
    declared = SOURCE.describe("fairface").attributes
    assert declared and (len(declared["gender"]), len(declared["ethnicity"]), len(declared["age"])) == (2, 7, 9)


def test_celeba_by_split_and_with_any_number_of_spaces(write: Write, tmp_path: Path) -> None:
    text = "3\n5_o_Clock_Shadow Male Young\n000001.jpg -1 -1  1\n000002.jpg -1  1 -1\n000003.jpg  1  -1 -1\n"
    path, parts = write("attr.txt", text), write("parts.txt", "000001.jpg 0\n000002.jpg 2\n000003.jpg 2\n")
    source = build("celeba", path=path, images=str(tmp_path), partition=parts)
    assert [source.record("train", 0).id, source.size("train"), source.size("test")] == ["000001.jpg", 1, 2]
    assert [source.record("test", number).attributes["gender"] for number in range(2)] == ["Male", "Female"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\nSmiling Young\n1.jpg 1 1\n", r"attr\.txt:2: there is no attribute 'Male' among: Smiling Young"),
        ("1\nMale Young\n1.jpg 1\n", r"attr\.txt:3: 1 values, not 2\."),
        ("1\nMale Young\n1.jpg 2 1\n", r"attr\.txt:3: 'Male' is '2'\."),
    ],
)
def test_a_damaged_list_of_attributes(write: Write, tmp_path: Path, text: str, message: str) -> None:
    path, parts = write("attr.txt", text), write("parts.txt", "1.jpg 2\n")
    with pytest.raises(DataError, match=message):
        build("celeba", path=path, images=str(tmp_path), partition=parts).record("test", 0)


def test_miap_reads_images_of_one_person(write: Write, tmp_path: Path) -> None:
    person = "/m/01g317,1,0.3,0.8,0,0.9,0,1,{group},{drawn},0,{gender},{age}\n"
    ours = {"group": 0, "drawn": 0, "gender": "Predominantly Feminine", "age": "Middle"}
    rows = [("aa", {}), ("bb", {}), ("bb", {}), ("cc", {"group": 1}), ("dd", {"age": "Unknown"}), ("ee", {"drawn": 1})]
    lines = "".join(f"{name}," + person.format(**{**ours, **other}) for name, other in rows)
    path = write("miap.csv", MIAP + lines)
    source = build("miap", path=path, images=str(tmp_path), test=path)
    assert source.size("test") == 2
    examples = [source.task("vqa", 1000).draw("test", number, np.random.default_rng(0)) for number in range(2)]
    assert [example.attributes for example in examples if example] == [
        {"gender": "Predominantly Feminine", "age": "Middle"}, {"gender": "Predominantly Feminine"},
    ]  # fmt: skip
    assert examples[0] and examples[0].references == ("yes",)
    assert examples[0].prompt == for_answer("Is there a person in this image?")
    assert source.image("test", 1).shape[2] == 3
    assert sorted(damage.partition(": ")[2] for damage in source.damages[:2]) == [
        "bb: an image of several people is left out, one of 1",
        "cc: an image of a group, or of a depiction is left out, one of 2",
    ]


def test_a_missing_column_and_a_missing_image(write: Write, tmp_path: Path) -> None:
    path = write("labels.csv", "file,age,gendr,race\nval/9.jpg,3-9,Male,White\n")
    with pytest.raises(DataError, match=r"labels\.csv:1: no column 'gender'\. Did you mean 'gendr'\?"):
        build("fairface", path=path, images=str(tmp_path)).record("train", 0)
    path = write("labels.csv", "file,age,gender,race\nval/9.jpg,3-9,Male,White\n")
    with pytest.raises(DataError, match=r"there is no image val/9\.jpg"):
        build("fairface", path=path, images=str(tmp_path)).image("train", 0)
