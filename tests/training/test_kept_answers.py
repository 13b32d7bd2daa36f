"""An evaluation that was killed continues after the batches that it has kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pali3kit.data.task import Example
from pali3kit.training.context import Execution
from pali3kit.training.distributed import Ranks
from pali3kit.training.kept_answers import ANSWERS, KeptAnswers

EXAMPLES = [Example((number,), f"what is {number}?", "") for number in range(7)]


class Killed(BaseException):
    pass


def answers(
    folder: Path, size: int = 2, killed: int = 99, examples: Sequence[Example] = EXAMPLES, mended: int = 99
) -> tuple[list[str], list[int]]:
    """All answers, and the examples that had to be answered; the process ends in the batch of example `killed`."""
    asked: list[int] = []

    def work(batch: Sequence[Example]) -> tuple[list[str], list[tuple[int, str]]]:
        numbers = [example.images[0] for example in batch]
        if killed in numbers:
            raise Killed
        asked.extend(numbers)
        return [f"it is \ud83d {number}" for number in numbers], [
            (number, "bad" if number == 1 else "") for number in numbers
        ]

    batches = [examples[start : start + size] for start in range(0, len(examples), size)]
    found = [*KeptAnswers(folder, examples).map(Ranks(Execution()), work, batches, lambda number: number == mended)]
    assert [image for _, images in found for image in images] == [
        (number, "bad" if number == 1 else "") for number in range(len(examples))
    ]
    return [text for texts, _ in found for text in texts], asked


def test_it_continues_where_it_was_killed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    whole, asked = answers(tmp_path / "a")
    assert asked == [*range(7)]
    with pytest.raises(Killed):
        answers(tmp_path, killed=4)
    assert answers(tmp_path) == (whole, [4, 5, 6])
    assert answers(tmp_path) == (whole, [])


def test_batches_may_have_another_size(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        answers(tmp_path, killed=4)
    whole, asked = answers(tmp_path, size=5)
    assert asked == [4, 5, 6] and len(whole) == 7


@pytest.mark.parametrize("end", [b'[["it is', b"\0" * 30 + b"\n", b"[1]\n"])
def test_a_damaged_end_is_answered_again(tmp_path: Path, end: bytes) -> None:
    with pytest.raises(Killed):
        answers(tmp_path, killed=2)
    with (tmp_path / ANSWERS).open("ab") as file:
        file.write(end)
    whole, asked = answers(tmp_path)
    assert asked == [2, 3, 4, 5, 6] and answers(tmp_path) == (whole, [])


def test_answers_to_other_examples_are_not_used(tmp_path: Path) -> None:
    answers(tmp_path)
    others = [*EXAMPLES[:6], Example((6,), "what else?", "")]
    assert answers(tmp_path, examples=others)[1] == [*range(7)]
    for change in ({"id": 3}, {"images": (5,)}):
        kept = KeptAnswers(
            tmp_path, [*others[:6], Example(**{"images": (6,), "prompt": "what else?", "target": ""} | change)]
        )
        assert kept.done == 0


def test_an_image_that_is_mended_is_answered_again(tmp_path: Path) -> None:
    whole, _ = answers(tmp_path)
    assert answers(tmp_path, mended=3) == (whole, []), "it was none of the bad ones"
    assert answers(tmp_path, mended=1) == (whole, [0, 1])


def test_nothing_is_written_before_the_first_answer(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        answers(tmp_path, killed=0)
    assert not [*tmp_path.iterdir()]


def test_another_rank_writes_nothing(tmp_path: Path) -> None:
    answers(tmp_path)
    kept = KeptAnswers(tmp_path / "no folder", EXAMPLES, writes=False)
    assert kept.done == 0
