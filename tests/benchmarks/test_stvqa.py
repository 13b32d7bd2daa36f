"""ST-VQA: from its files to ANLS; a tenth of its training images is held out."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.errors import DataError


def name(number: int) -> str:
    return f"coco-text/COCO_train2014_{number:012}.jpg"


def entry(number: int, question: str = "What is on the bus?", **told: Any) -> dict[str, Any]:
    return {
        "question_id": number, "question": question, "answers": ["42", "route 42"], "file_path": name(number),
        "file_name": name(number).rpartition("/")[2], "dataset": "coco-text", "set_name": "train", **told,
    }  # fmt: skip


@pytest.fixture
def stvqa(put: Any) -> Any:
    def write(*entries: Any, images: int = 40) -> None:
        put("stvqa/train_task_3.json", {"data": [*entries]})
        for number in range(images):
            put(f"stvqa/train_images/{name(number)}", number)

    return write


def test_from_files_to_score(stvqa: Any, measured: Any) -> None:
    stvqa(*(entry(number, f"What {turn}?") for number in range(40) for turn in "ab"))
    found = measured("stvqa")
    held_out = [int(image[0, 0, 0]) for image in found.images]
    assert 2 <= len(held_out) < 20 and held_out == sorted(held_out) and len(held_out) == 2 * len({*held_out})
    trained = found.trained(found.source.size("train"))
    assert len(trained) == 40 - len({*held_out}), "no image is trained and tested on"
    assert {int(found.source.image("train", each.images[0])[0, 0, 0]) for each in trained}.isdisjoint(held_out)
    said = ["Route  42", "rout 42", *["42"] * (len(held_out) - 2)]
    assert found.score(*said).samples[:3] == pytest.approx([100, 700 / 8, 100][: len(held_out)])


def test_a_malformed_path_is_refused(stvqa: Any, measured: Any) -> None:
    stvqa(*(entry(number) for number in range(10)), entry(10, file_path=None))
    with pytest.raises(DataError, match=r"train_task_3.json: data\[10\]: 'file_path' should be a text, not nothing"):
        measured("stvqa")


def test_all_of_the_servers_test_split_is_answered(stvqa: Any, measured: Any, put: Any) -> None:
    stvqa(*(entry(number) for number in range(40)))
    put(
        "stvqa/test_task_3.json",
        {"data": [{key: value for key, value in entry(n).items() if key != "answers"} for n in range(9)]},
    )
    found = measured("stvqa", test="sets/stvqa/test_task_3.json")
    assert [(example.id, example.hidden) for example in found.examples] == [(number, True) for number in range(9)]
    assert measured("stvqa", hold_out=None, test="sets/stvqa/test_task_3.json").source.size("train") == 40
