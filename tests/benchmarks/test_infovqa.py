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
    with pytest.raises(
        DataError,
        match=r"val_v1.0_withQT.json: data\[0\]: none of the fields image_id, .* it has questionId,",
    ):
        measured("infovqa")


def test_what_an_answer_lists_may_be_right_in_any_order(infovqa: Any, measured: Any) -> None:
    infovqa(entry(2, "apple, pear, fig", "3"), entry(3, "a, b, c, d, e, f, g"))
    found = measured("infovqa", any_order=True)
    orders, long = (example.references for example in found.examples)
    assert len(orders) == 7 and orders[0] == "apple, pear, fig" and orders[-1] == "3" and "fig, apple, pear" in orders
    assert long == ("a, b, c, d, e, f, g",), "720 orders at most"
    assert found.score("pear, fig, apple", "g, f, e, d, c, b, a").samples[0] == 100


def test_a_transfer_may_train_on_val_too(infovqa: Any, measured: Any, put: Any) -> None:
    infovqa(entry(2, "apple"), entry(3, "fig"))
    unanswered = entry(4)
    del unanswered["answers"]
    put("infovqa/infographicsVQA_test_v1.0.json", of(unanswered))
    for pattern in ("sets/infovqa/infographicsVQA_[tv][ra]*.json", "sets/infovqa/infographicsVQA_*.json"):
        found = measured("infovqa", path=pattern)
        assert {example.target for example in found.trained(3)} == {"pear", "apple", "fig"}
        assert found.source.size("train") == 3
