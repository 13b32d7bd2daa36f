"""VQAv2 and OKVQA, TextVQA, VQ2A."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.readers.vqa import VqaReader, create
from pali3kit.data.record import Asked
from pali3kit.errors import DataError

QUESTIONS = {
    "info": {}, "task_type": "Open-Ended", "data_type": "mscoco", "data_subtype": "train2014",
    "questions": [
        {"image_id": 458752, "question": "What is this photo taken looking through?", "question_id": 458752000},
        {"image_id": 458752, "question": "What color is his shirt?", "question_id": 458752001},
    ],
}  # fmt: skip
ANNOTATIONS = {
    "annotations": [
        {"question_id": 458752001, "image_id": 458752, "question_type": "what color", "answer_type": "other",
         "multiple_choice_answer": "orange",
         "answers": [{"answer": a, "answer_confidence": "yes", "answer_id": 1} for a in ("red", "orange", "orange")]},
        {"question_id": 458752000, "answers": [{"answer": "net"}]},
    ],
}  # fmt: skip
TEXTVQA = {
    "dataset_type": "train", "dataset_name": "textvqa",
    "data": [
        {"question": "what is the brand?", "image_id": "0054c9", "image_classes": [],
         "answers": ["nous", "nous", "dakota"], "question_tokens": [], "question_id": 34602, "set_name": "train"},
    ],
}  # fmt: skip
VQ2A = {
    "dataset": "maverics_coco", "split": "minival2014",
    "annotations": [
        {"image_id": "42", "caption": "a shoe",
         "qa_pairs": [{"question_id": "42_0", "raw_question": "Was ist das?", "question": "was ist das?",
                       "answers": ["shoe"] * 10}]},
    ],
}  # fmt: skip


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def test_vqav2(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "images/train2014/COCO_train2014_000000458752.jpg", shade=4)
    questions, answers = write(tmp_path / "q.json", QUESTIONS), write(tmp_path / "a.json", ANNOTATIONS)
    source = create(questions, str(tmp_path / "images"), answers, test=questions, test_annotations=answers)
    record = source.record("train", 0)
    assert source.size("train") == 1 and source.image("train", 0).max() == 4
    assert record.questions == (
        Asked("What is this photo taken looking through?", ("net",)),
        Asked("What color is his shirt?", ("orange", "orange", "red")),
    )
    tested = [source.record("test", number) for number in range(source.size("test"))]  # accuracy is by question
    assert [record.questions for record in tested] == [(question,) for question in record.questions]


def test_textvqa(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "0054c9.jpg")
    record = VqaReader(write(tmp_path / "q.json", TEXTVQA), str(tmp_path)).record(0)
    assert record.questions == (Asked("what is the brand?", ("nous", "nous", "dakota")),) and record.picture()


def test_vq2a_in_another_language(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "COCO_val2014_000000000042.jpg")
    record = VqaReader(write(tmp_path / "q.json", VQ2A), str(tmp_path), language="de").record(0)
    assert record.questions == (Asked("was ist das?", ("shoe",) * 10, "de"),) and record.picture()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (QUESTIONS, r"q\.json has questions alone: `annotations` should name the file with their answers"),
        ({"date": []}, r"q\.json: no field 'annotations'\."),
        ({"data": [{"image_id": 3, "question": "a", "answers": ["b"]}]},
         r"q\.json: data\[0\]: 'image_id' should be a text, not the number 3\."),
        ({"data": [{"image_id": "3", "questoin": "a", "answers": ["b"]}]},
         r"q\.json: data\[0\]: no field 'question'\. Did you mean 'questoin'\?"),
        ({"data": [{"image_id": "3", "question": "a", "answers": ["b", 1]}]},
         r"q\.json: data\[0\]: answers\[1\] should be a text, not the number 1\."),
        ({"data": [{"image_id": "3", "question": "a", "answers": [" "]}]},
         r"q\.json: data\[0\]: 'answers' should hold at least one that is not empty\."),
        ({"data": [{"image_id": "3", "question": "a"}]}, r"q\.json: no question with an answer"),
        ({"annotations": [{"image_id": "a", "qa_pairs": [{"question": "b"}]}]},
         r"q\.json: annotations\[0\]: qa_pairs\[0\]: no field 'answers'\."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(tmp_path: Path, content: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        len(VqaReader(write(tmp_path / "q.json", content), str(tmp_path)))


def test_questions_and_answers_that_do_not_belong_together(tmp_path: Path) -> None:
    few = {"annotations": ANNOTATIONS["annotations"][:1]}
    questions, answers = write(tmp_path / "q.json", QUESTIONS), write(tmp_path / "a.json", few)
    with pytest.raises(DataError, match=r"q\.json: questions\[0\]: question_id 458752000 is not in .*a\.json"):
        len(VqaReader(questions, str(tmp_path), answers))
