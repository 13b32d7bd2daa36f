"""InfographicVQA: from its files to ANLS."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.errors import DataError


def of(*entries: Any) -> dict[str, Any]:
    return {"dataset_name": "infographicVQA", "dataset_version": "1.0", "dataset_split": "val", "data": [*entries]}


def entry(number: int, *answers: str, **told: Any) -> dict[str, Any]:
    return {
        "questionId": number, "question": f"Which {number}?", "image_local_name": f"{number}.jpeg",
        "answers": [*answers], "image_url": "https://x", "ocr_output_file": f"{number}.json",
        "answer_type": ["multiple spans"], "evidence": ["text"], "operation/reasoning": [], **told,
    }  # fmt: skip


@pytest.fixture
def infovqa(put: Any) -> Any:
    def write(*entries: Any) -> None:
        put("infovqa/infographicsVQA_train_v1.0.json", of(entry(1, "pear")))
        put("infovqa/infographicsVQA_val_v1.0_withQT.json", of(*entries))
        for number in (1, 2, 3):
            put(f"infovqa/images/{number}.jpeg", number)

    return write


def test_from_files_to_score(infovqa: Any, measured: Any) -> None:
    infovqa(entry(2, "apple, pear"), entry(3, "12%", "twelve percent"))
    found = measured("infovqa")
    assert [image[0, 0, 0] for image in found.images] == [2, 3]
    assert found.score("Apple, Pear", "12").samples == pytest.approx([100, 200 / 3])
    assert found.score("pear, apple", "12 %").samples[0] < 100, "the order counts, as for the server"


def test_a_question_without_an_image_is_refused(infovqa: Any, measured: Any) -> None:
    infovqa({"questionId": 2, "question": "a?", "answers": ["b"]})
    with pytest.raises(DataError, match=r"val_v1.0_withQT.json: data\[0\]: no field 'image_id'"):
        measured("infovqa")
