"""TallyQA: from its files to exact matches of counts, simple and complex."""

from __future__ import annotations

from typing import Any

import pytest


def entry(image: str, answer: Any, **told: Any) -> dict[str, Any]:
    return {
        "image": image, "image_id": 92410408, "question": "How many cats?", "question_id": 30095774, "answer": answer,
        "data_source": "amt", **told,
    }  # fmt: skip


IMAGES = ("VG_100K_2/2410408.jpg", "VG_100K/7.jpg", "val2014/COCO_val2014_000000000007.jpg")


@pytest.fixture
def tallyqa(put: Any) -> Any:
    def write(*entries: Any) -> None:
        put("tallyqa/train.json", [entry(IMAGES[0], 1)])
        put("tallyqa/test.json", [*entries])
        for shade, name in enumerate(IMAGES):
            put(f"tallyqa/{name}", shade)

    return write


def test_from_files_to_score(tallyqa: Any, measured: Any) -> None:
    simple = [entry(IMAGES[0], 4, issimple=True), entry(IMAGES[1], 0, issimple=True)]
    tallyqa(*simple, entry(IMAGES[2], 12, issimple=False))
    found = measured("tallyqa")
    assert [example.target for example in found.examples] == ["4", "0", "12"]
    assert [int(image[0, 0, 0]) for image in found.images] == [0, 1, 2]
    result = found.score("Four", "none", "12.")
    assert result.extra == {"simple": 100, "complex": 0} and result.value == pytest.approx(200 / 3)
    assert found.score("5", "0", "twelve").extra == {"simple": 50, "complex": 100}
    assert found.trained(1)[0].group == "", "the training questions are not told apart"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"answer": True}, "'answer' should be a text or a whole number, not true"),
        ({"answer": 1.5}, "'answer' should be a text or a whole number, not the number 1.5"),
        ({"answer": 3}, "no field 'issimple'. Choose from answer, data_source"),
        ({"issimple": "yes"}, "'issimple' should be true or false, not the text 'yes'"),
    ],
)
def test_malformed_questions_are_left_out(tallyqa: Any, measured: Any, told: Any, message: str) -> None:
    kind = {} if told == {"answer": 3} else {"issimple": False}
    tallyqa(entry(IMAGES[0], 4, issimple=True), {**entry(IMAGES[1], 1, **kind), **told})
    found = measured("tallyqa")
    assert len(found.examples) == 1 and any(f"test.json: [1]: {message}" in line for line in found.source.skips.lines)


def test_an_image_that_is_not_there_is_told(tallyqa: Any, measured: Any) -> None:
    tallyqa(entry("VG_100K/8.jpg", 4, issimple=True))
    with pytest.raises(Exception, match=r"there is no image VG_100K/8.jpg"):
        measured("tallyqa").images  # noqa: B018
