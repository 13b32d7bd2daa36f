"""OCR-VQA: from its file of all splits to exact matches in lower case."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.errors import DataError


def book(split: int, **told: Any) -> dict[str, Any]:
    return {
        "imageURL": "http://x/i.gif", "title": "My Life", "authorName": "A. Bee", "genre": "Biographies",
        "split": split, "questions": ["Who wrote this book?", "Is this a comics book?"], "answers": ["A. Bee", "No"],
        **told,
    }  # fmt: skip


@pytest.fixture
def ocrvqa(put: Any) -> Any:
    def write(**books: Any) -> None:
        put("ocrvqa/dataset.json", {name.removeprefix("_"): each for name, each in books.items()})
        for shade, ending in enumerate(("_0316123456.jpg", "_031612345X.gif", "_1.png"), 1):
            put(f"ocrvqa/images/{ending.removeprefix('_')}", shade)

    return write


def test_from_files_to_score(ocrvqa: Any, measured: Any) -> None:
    ocrvqa(
        _0316123456=book(3),
        _1=book(1, answers=["C", "Yes"]),
        _2=book(2),
        _031612345X=book(3, questions=["Who?"], answers=["D"]),
    )
    found = measured("ocrvqa")
    assert [int(image[0, 0, 0]) for image in found.images] == [1, 1, 2]
    assert found.score("a. bee", "NO", "d.").samples == [100, 100, 0]
    assert found.score(" a. bee", "no", "D").value == pytest.approx(200 / 3)
    assert found.trained(1)[0].target in ("C", "Yes") and found.source.size("train") == 1
    assert measured("ocrvqa", with_val=True).source.size("train") == 2


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"answers": ["A. Bee"]}, r"\[1\]: 2 'questions', but 1 'answers'"),
        ({"split": "test"}, r"\[1\]: 'split' should be a whole number, not the text 'test'"),
        ({"questions": None}, r"\[1\]: 'questions' should be a list, not nothing"),
    ],
)
def test_malformed_books_are_refused(ocrvqa: Any, measured: Any, told: Any, message: str) -> None:
    ocrvqa(_0316123456=book(3), _1={**book(3), **told})
    with pytest.raises(DataError, match=rf"dataset.json: {message}"):
        measured("ocrvqa")


def test_a_malformed_question_is_left_out(ocrvqa: Any, measured: Any) -> None:
    ocrvqa(_0316123456=book(3), _1=book(3, answers=["x", 3.5]))
    found = measured("ocrvqa")
    assert len(found.examples) == 3
    assert any("[1]: questions[1]: 'answer' should be a text" in line for line in [*found.source.skips.lines])
