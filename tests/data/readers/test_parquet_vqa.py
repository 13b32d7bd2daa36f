"""Parquet of questions, with the columns of the hub's mirrors (docs/data.md)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.readers.parquet_vqa import _create, _QuestionsReader
from pali3kit.data.record import Asked
from pali3kit.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def image(shade: int) -> dict[str, Any]:
    """An image as the library datasets stores it."""
    file = io.BytesIO()
    Image.new("RGB", (4, 3), (shade,) * 3).save(file, "png")
    return {"bytes": file.getvalue(), "path": f"{shade}.png"}


def table(path: Path, **columns: list[Any]) -> str:
    """Row groups of two, with an image in each row."""
    rows = len(next(iter(columns.values())))
    pq.write_table(pa.table({"image": [image(n) for n in range(rows)], **columns}), path, row_group_size=2)
    return str(path)


DOCVQA = {"question": "question", "answer": "answers", "id": "questionId"}


def docvqa(path: Path, answers: list[Any]) -> str:
    count = len(answers)
    told = {"questionId": [str(57 + n) for n in range(count)], "question": [f"what is {n}?" for n in range(count)]}
    return table(path, **told, answers=pa.array(answers, pa.list_(pa.string())))


def test_docvqa_and_its_test_split_without_answers(tmp_path: Path) -> None:
    path = docvqa(tmp_path / "a.parquet", [["May 3", "may 3rd", "may 3rd"], ["12%"], ["x"]])
    test = docvqa(tmp_path / "b.parquet", [None, [], None])
    source = _create(path, DOCVQA, test=test)
    found = {source.record("train", number).questions for number in range(3)}
    assert (Asked("what is 0?", ("may 3rd", "may 3rd", "May 3"), id="57"),) in found
    assert [source.record("test", number).questions for number in range(3)] == [
        (Asked(f"what is {number}?", (), id=str(57 + number), hidden=True),) for number in range(3)
    ]
    assert [source.image("test", number).max() for number in range(3)] == [0, 1, 2]
    example = source.task("vqa", 9).draw("test", 2, np.random.default_rng(0))
    assert example is not None and (example.id, example.hidden, example.references) == ("59", True, ())
    assert source.task("vqg", 9).draw("test", 2, np.random.default_rng(0)) is None


def test_vqav2_has_mappings_of_answers(tmp_path: Path) -> None:
    answers = [
        [
            {"answer": text, "answer_confidence": "yes", "answer_id": n}
            for n, text in enumerate(("no", "", "yes", "yes"))
        ]
    ]
    path = table(tmp_path / "a.parquet", question=["is it?"], question_id=[262148000], answers=answers)
    columns = {"question": "question", "answer": "answers", "id": "question_id"}
    [asked] = _QuestionsReader(path, columns).record(0).questions
    assert asked == Asked("is it?", ("yes", "yes", "no", ""), id=262148000)


def test_among_answers_that_are_texts_a_number_is_a_text(tmp_path: Path) -> None:
    options = [["1", "2", "3"], ["fox", "hare", "4"]]
    columns = {name: name for name in ("question", "options", "answer")}
    for answers, right in ((["2", "hare"], ["2", "hare"]), (["2", "1"], ["3", "hare"])):
        path = table(tmp_path / "a.parquet", question=["how many?", "what?"], options=options, answer=answers)
        reader = _QuestionsReader(path, columns, split="test")
        assert [reader.record(number).questions[0].answer for number in range(2)] == right


def test_images_in_a_field_of_a_column(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", question=["a?"], answer=["b"], page=[{"scan": b"jpeg"}])
    reader = _QuestionsReader(path, {"question": "question", "answer": "answer", "image": "page.scan"})
    assert reader.record(0).read_image() == b"jpeg"


@pytest.mark.parametrize(("answer", "right"), [("1", "2"), ("C", "fox"), ("fox", "fox"), (0, "hare")])
def test_the_answer_to_options_is_a_number_a_text_or_a_letter(tmp_path: Path, answer: Any, right: str) -> None:
    path = table(tmp_path / "a.parquet", question=["what eats?"], options=[["hare", "2", "fox"]], answer=[answer])
    columns = {name: name for name in ("question", "options", "answer")}
    [asked] = _QuestionsReader(path, columns, split="test").record(0).questions
    assert asked == Asked("what eats? (a) hare (b) 2 (c) fox", (right,))


def test_chartqas_groups(tmp_path: Path) -> None:
    told = {"question": ["a?", "b?"], "answer": ["25%", "3"], "type": ["human_test", "augmented_test"]}
    path = table(tmp_path / "a.parquet", **told)
    columns = {"question": "question", "answer": "answer", "group": "type"}
    groups = {"human_test": "human", "augmented_test": "augmented"}
    reader = _QuestionsReader(path, columns, groups, split="test")
    assert [reader.record(n).questions[0].group for n in range(2)] == ["human", "augmented"]
    assert _QuestionsReader(path, columns).record(0).questions[0].group == "human_test"
    with pytest.raises(DataError, match=r"row group 0, row 1: 'type' augmented_test is no key of `groups`"):
        _QuestionsReader(path, columns, {"human_test": "human"}).record(1)


@pytest.mark.parametrize("kind", ["list of mappings", "mapping of lists"])
def test_tallyqa_has_several_questions_in_a_row(tmp_path: Path, kind: str) -> None:
    """Each is a record of the test split; in training a record is an image with all of them."""
    listed = [{"question": f"how many {n}?", "answer": str(n), "is_simple": n < 2} for n in range(3)]
    turned = {key: [each[key] for each in listed] for key in listed[0]}
    path = table(tmp_path / "a.parquet", qa=[listed if kind == "list of mappings" else turned] * 3)
    columns = {"question": "qa.question", "answer": "qa.answer", "group": "qa.is_simple"}
    source = _create(path, columns, {"true": "simple", "false": "complex"}, test=path)
    assert source.size("test") == 9 and source.size("train") == 3
    assert source.record("test", 5).questions == (Asked("how many 2?", ("2",), group="complex"),)
    assert source.image("test", 5).max() == 1 and len(source.record("train", 0).questions) == 3


def test_ocrvqa_has_lists_side_by_side(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", questions=[["Who?", "Is it?"], ["Who?"]], answers=[["A. Bee", "No"], ["B"]])
    columns = {"question": "questions", "answer": "answers"}
    reader = _QuestionsReader(path, columns, split="test")
    assert [reader.record(n).questions[0].answer for n in range(len(reader))] == ["A. Bee", "No", "B"]


ROW = r"a\.parquet: row group 0, row 0: "


@pytest.mark.parametrize(
    ("told", "columns", "message"),
    [
        ({"qestion": ["a?"], "answer": ["b"]}, {}, r"a\.parquet: no column 'question'\. Did you mean 'qestion'\?"),
        ({"question": ["a?"], "answer": ["b"]}, {"anwser": "answer"}, r"columns: nothing is called 'anwser'\. Did you"),
        ({"question": ["a?"], "answer": ["b"]}, {"answer": "qa.answer"}, r"a\.parquet: no column 'qa\.answer'"),
        ({"question": [3], "answer": ["b"]}, {}, ROW + "'question' should be a text, not the number 3"),
        ({"question": [" "], "answer": ["b"]}, {}, ROW + "'question' is blank"),
        ({"question": ["a?"], "answer": [" "]}, {}, ROW + "'answer' should hold an answer that is not empty"),
        ({"question": ["a?"], "answer": [1.5]}, {}, ROW + "'answer' should be a text, a whole number, or a list"),
        ({"question": ["a?"], "answer": [["b", None]]}, {}, ROW + "'answer' should be a text, .*, not nothing"),
        ({"question": [["a?", "b?"]], "answer": [["c"]]}, {}, ROW + "'answer' has 1 items for 2 questions"),
        ({"question": [["a?", "b?"]], "answer": ["c"]}, {}, ROW + "'answer' should be a list, not the text 'c'"),
        ({"question": [["a?", None]], "answer": [["c", "d"]]}, {}, ROW + "question 1: 'question' should be a text"),
        ({"question": [[]], "answer": [[]]}, {}, ROW + "'question' is an empty list"),
        ({"question": ["a?"], "answer": ["4"], "o": [["b"]]}, {"options": "o"}, ROW + "'answer' 4 is none of the 1"),
        ({"question": ["a?"], "answer": ["b"], "o": ["b"]}, {"options": "o"}, ROW + "'o' should be a list"),
        ({"question": ["a?"], "answer": ["b"], "i": [1.5]}, {"id": "i"}, ROW + "'i' should be a number or a text"),
        ({"question": ["a?"], "answer": ["b"], "g": [1]}, {"group": "g"}, ROW + "'g' should be a text, not the"),
        ({"qa": [{"q": "a?"}], "answer": ["b"]}, {"question": "qa.question"}, ROW + "'qa': no field 'question'"),
    ],
)  # fmt: skip
def test_malformed_tables(tmp_path: Path, told: dict[str, Any], columns: dict[str, str], message: str) -> None:
    path = table(tmp_path / "a.parquet", **told)
    with pytest.raises(DataError, match=message):
        _QuestionsReader(path, {"question": "question", "answer": "answer", **columns}).record(0)


def test_answers_are_needed_to_train(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", question=["a?"])
    with pytest.raises(DataError, match="columns: no column for 'answer'"):
        _QuestionsReader(path, {"question": "question"})
    [asked] = _QuestionsReader(path, {"question": "question"}, split="test").record(0).questions
    assert asked.hidden


def test_one_malformed_row_of_a_test_split_is_one_bad_record(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", question=["a?", None, "c?"], answer=["b", "d", "e"])
    source = _create(path, {"question": "question", "answer": "answer"}, test=path)
    drawn = [source.task("vqa", 9).draw("test", number, np.random.default_rng(0)) for number in range(3)]
    assert [example and example.target for example in drawn] == ["b", None, "e"]
    assert [*source.skips.lines] == [f"{path}: row group 0, row 1: 'question' should be a text, not nothing."]
