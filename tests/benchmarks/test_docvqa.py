"""DocVQA: from its files to ANLS."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pali3kit.errors import DataError


def entry(number: int, **told: Any) -> dict[str, Any]:
    return {
        "questionId": number, "question": f"What is {number}?", "image": f"documents/abcd{number:04}_1.png", "docId": 3,
        "ucsf_document_id": f"abcd{number:04}", "ucsf_document_page_no": "1", "answers": ["May 3", "may 3rd"],
        "data_split": "val", "question_types": ["form"], **told,
    }  # fmt: skip


def of(*entries: Any) -> dict[str, Any]:
    return {"dataset_name": "docvqa", "dataset_version": "1.0", "dataset_split": "val", "data": [*entries]}


@pytest.fixture
def docvqa(put: Any) -> Any:
    """One image to train on; writes the file of val."""
    put("docvqa/train_v1.0_withQT.json", {**of(entry(1, data_split="train")), "dataset_split": "train"})
    put("docvqa/train/documents/abcd0001_1.png", 10)

    def write(*entries: Any, name: str = "val_v1.0_withQT.json") -> None:
        put(f"docvqa/{name}", of(*entries))
        for number in (2, 3, 4):
            put(f"docvqa/val/documents/abcd{number:04}_1.png", 10 * number)

    return write


@pytest.mark.parametrize("name", ["val_v1.0_withQT.json", "val_v1.0.json"])
def test_from_files_to_score(docvqa: Any, measured: Any, name: str) -> None:
    docvqa(entry(2), entry(3, answers=["12%"]), entry(4, answers=["abcd"]), name=name)
    found = measured("docvqa")
    assert [example.prompt for example in found.examples] == [
        f"Answer in EN: What is {number}? <extra_id_0>" for number in (2, 3, 4)
    ]
    assert [image[0, 0, 0] for image in found.images] == [20, 30, 40]
    assert found.score("MAY  3rd", "12", "abxx").samples == pytest.approx([100, 200 / 3, 50])
    assert found.score("may 4", "%", "dog").samples == pytest.approx([80, 0, 0])
    [example] = found.trained(1)
    assert example.target == "May 3"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"answers": "May 3"}, "data[1]: 'answers' should be a list, not the text 'May 3'."),
        ({"answers": ["x", 3]}, "data[1]: answers[1] should be a text, not the number 3."),
        ({"question": 5}, "data[1]: 'question' should be a text, not the number 5."),
    ],
)
def test_a_malformed_question_is_left_out_and_told(docvqa: Any, measured: Any, told: Any, message: str) -> None:
    docvqa(entry(2), entry(3, **told), entry(4))
    found = measured("docvqa")
    assert len(found.examples) == 2
    assert any(line.endswith(message) and "val_v1.0_withQT.json" in line for line in found.source.skips.lines)


def test_questions_without_answers_or_images_are_told(docvqa: Any, measured: Any, sets: Any) -> None:
    test = {key: value for key, value in entry(3).items() if key != "answers"}
    docvqa(entry(2), test, {**entry(4), "image": 7})
    with pytest.raises(DataError, match=r"data\[2\]: 'image' should be a text, not the number 7"):
        measured("docvqa")
    docvqa(entry(2), test, entry(4), *(entry(4) for _ in range(30)), {**entry(4), "image": 7})
    found = measured("docvqa")
    assert len(found.examples) == 32 and any(
        "data[1]: a question without answers" in line for line in found.source.damages
    )
    assert any("data[33]: 'image' should be a text" in line for line in found.source.damages)


def test_two_releases_of_a_file_are_refused(docvqa: Any, measured: Any) -> None:
    docvqa(entry(2))
    docvqa(entry(2), name="val_v1.0.json")
    expected = "val_v1.0_withQT.json: data[0]: 'questionId' 2 is already that of "
    with pytest.raises(DataError, match=re.escape(expected)):
        measured("docvqa")


def test_a_transfer_may_train_on_val_too(docvqa: Any, measured: Any) -> None:
    """Images of each split are in its own folder."""
    docvqa(entry(2), entry(3, answers=["12%"]), entry(4, answers=["abcd"]))
    found = measured("docvqa", path="sets/docvqa/[tv][ra]*_v1.0*.json", images="sets/docvqa")
    trained = found.trained(4)
    assert {example.target for example in trained} == {"May 3", "12%", "abcd"} and len(trained) == 4
    shades = {int(found.source.image("train", example.images[0])[0, 0, 0]) for example in trained}
    assert shades == {20, 30, 40, 10}
