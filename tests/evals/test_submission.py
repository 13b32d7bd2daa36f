"""The files that servers take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pali3kit.benchmarks.benchmark import Submission
from pali3kit.catalogue import BENCHMARK
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.submission import submission_ids, written_submission

RRC = Submission(key="questionId")


def examples(*ids: Any) -> list[Example]:
    return [Example((number,), f"prompt {number}", "", id=each) for number, each in enumerate(ids)]


@pytest.mark.parametrize(
    ("benchmark", "ids", "expected"),
    [
        ("docvqa", (57, "58"), [{"questionId": 57, "answer": "a"}, {"questionId": 58, "answer": "b\n"}]),
        ("infovqa", (1, 2), [{"questionId": 1, "answer": "a"}, {"questionId": 2, "answer": "b\n"}]),
        ("vqav2", (1, 2), [{"question_id": 1, "answer": "a"}, {"question_id": 2, "answer": "b\n"}]),
        ("textvqa_server", (1, 2), [{"question_id": 1, "answer": "a"}, {"question_id": 2, "answer": "b\n"}]),
        ("stvqa", (1, 2), [{"question_id": 1, "answer": "a"}, {"question_id": 2, "answer": "b\n"}]),
        ("textcaps", ("0a", "12"), [{"image_id": "0a", "caption": "a"}, {"image_id": "12", "caption": "b\n"}]),
        ("coco", (9, 7), [{"image_id": 9, "caption": "a"}, {"image_id": 7, "caption": "b\n"}]),
    ],
)
def test_the_formats_of_servers(benchmark: str, ids: Any, expected: Any) -> None:
    form = BENCHMARK.find(benchmark).submission
    assert form is not None
    written = written_submission(form, submission_ids(form, examples(*ids), "f.json"), ["a", "b\n"])
    assert json.loads(written) == expected and written.isascii()


@pytest.mark.parametrize(
    ("form", "ids", "message"),
    [
        (RRC, (1, 2, 1), r"f\.json: test example 2 \('prompt 2'\): 'questionId' 1 is already that of test example 0\."),
        (RRC, (1, "01"), "test example 1 .*: 'questionId' 1 is already that of test example 0"),
        (RRC, (1, None), "test example 1 .*: 'questionId' should be a whole number, not nothing"),
        (RRC, ("x",), "test example 0 .*: 'questionId' should be a whole number, not the text 'x'"),
        (RRC, (True,), "test example 0 .*: 'questionId' should be a whole number, not true"),
        (Submission(key="image_id", numbers=False), (7,), "'image_id' should be a text, not the number 7"),
        (Submission(key="image_id", numbers=False), ("",), "'image_id' should be a text, not the text ''"),
    ],
)
def test_every_id_is_there_once_and_of_its_type(form: Submission, ids: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        submission_ids(form, examples(*ids), "f.json")


def test_every_id_has_an_answer() -> None:
    with pytest.raises(DataError, match="a submission needs 2 answers, not 1"):
        written_submission(RRC, [1, 2], ["a"])
