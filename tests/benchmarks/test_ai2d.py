"""AI2D: from its files to exact matches, with letters drawn on the diagrams that need them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.registry import SOURCE


def asked(letters: bool, *options: str, right: int = 1) -> dict[str, Any]:
    return {"questionId": "12.png-1", "answerTexts": [*options], "correctAnswer": right, "abcLabel": letters}


@pytest.fixture
def ai2d(put: Any) -> Any:
    def write(number: int, questions: Any, text: Any) -> None:
        put(f"ai2d/questions/{number}.png.json", {"imageName": f"{number}.png", "questions": questions})
        put(f"ai2d/annotations/{number}.png.json", {"text": text, "arrows": {}, "blobs": {}})
        put(f"ai2d/images/{number}.png", 128)

    put("ai2d_test_ids.csv", "12\n")
    write(11, {"What runs?": asked(False, "fox", "Hare")}, {})
    write(
        12,
        {
            "What eats grass?": asked(True, "A", "B", "C", "fox"),
            "Which is red?": asked(False, "Rabbit", "fox", right=0),
        },
        {"T0": {"rectangle": [[10, 5], [30, 25]], "value": "rabbit", "replacementText": "B"}},
    )
    return write


def test_from_files_to_score(ai2d: Any, measured: Any) -> None:
    found = measured("ai2d")
    assert [example.prompt for example in found.examples] == [
        "Answer in EN: What eats grass? (a) A (b) B (c) C (d) fox <extra_id_0>",
        "Answer in EN: Which is red? (a) Rabbit (b) fox <extra_id_0>",
    ]
    lettered, plain = found.images
    assert (plain == 128).all(), "a question without letters has the diagram as it is"
    assert (lettered[5, 10] == 255).all() and lettered[5:26, 10:31].min() < 100 and (lettered[0, 0] == 128).all()
    assert found.score("B", "rabbit").samples == [100, 0], "the case counts"
    assert found.trained(1)[0].target == "Hare" and found.source.size("train") == 1


def test_letters_may_be_written_over_the_words(ai2d: Any, sets: Path) -> None:
    source = SOURCE.build("ai2d", path=str(sets / "ai2d"), test=str(sets / "ai2d_test_ids.csv"), masked=False)
    lettered = source.image("test", 0)
    assert (lettered[5, 10] == 128).all() and lettered[5:26, 10:31].min() < 100


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"correctAnswer": 4}, "'correctAnswer' 4 is none of the 4 'answerTexts'"),
        ({"answerTexts": ["a", 1]}, "'answerTexts' should be a text, not the number 1"),
        ({"abcLabel": "yes"}, "'abcLabel' should be true or false"),
    ],
)
def test_malformed_questions_are_left_out(ai2d: Any, measured: Any, told: Any, message: str) -> None:
    good = asked(False, "a", "b", "c", "d")
    ai2d(12, {"Which?": good, "What?": {**good, **told}}, {})
    found = measured("ai2d")
    assert len(found.examples) == 1
    assert any(f"12.png.json: questions[What?]: {message}" in line for line in found.source.skips.lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"T0": {"rectangle": [[10, 5]], "replacementText": "B"}}, r"text\[T0\]: 'rectangle' should be the left top"),
        ({"T0": {"rectangle": [[10, 5], [3, 25]], "replacementText": "B"}}, r"text\[T0\]: 'rectangle' should be"),
        ({"T0": {"rectangle": [[10, 5], [30, 25]]}}, r"text\[T0\]: no field 'replacementText'"),
        (None, "12.png.json: 'text' should be a mapping, not nothing"),
    ],
)
def test_malformed_annotations_are_told(ai2d: Any, measured: Any, text: Any, message: str) -> None:
    ai2d(12, {"Which?": asked(True, "A", "B")}, text)
    with pytest.raises(DataError, match=message):
        measured("ai2d").images  # noqa: B018


def test_the_letters_are_seen_upright(ai2d: Any, measured: Any, sets: Path) -> None:
    """The rectangles refer to the image as its EXIF shows it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 40), (128,) * 3).save(sets / "ai2d/images/12.png", "png", exif=exif)
    lettered = measured("ai2d").images[0]
    assert lettered.shape == (30, 40, 3) and np.argwhere(lettered.min(-1) < 100)[:, 1].min() >= 10


def test_a_list_of_no_diagrams_is_refused(ai2d: Any, put: Any, measured: Any) -> None:
    put("ai2d_test_ids.csv", "12.png\n")
    with pytest.raises(DataError, match="no question on the test diagrams of "):
        measured("ai2d")


def test_a_number_of_the_list_without_questions_is_told(ai2d: Any, put: Any, measured: Any) -> None:
    put("ai2d_test_ids.csv", "12\n99999\n")
    told = "ai2d_test_ids.csv: 99999: a number of a test diagram without questions is left out"
    assert any(told in line for line in measured("ai2d").source.damages)
