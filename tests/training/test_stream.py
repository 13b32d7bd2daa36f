"""The stream of examples: bad images are replaced, by seed, step, position and attempt alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pali3kit.data.batch import ABSENT
from pali3kit.data.mixture import Mixture
from pali3kit.data.records import Skips
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.training.stream import ImageSource, Stream, _StepExamples

COUNT, SIZE = 20, 8


@dataclass
class Words:
    """A task that notes its third image as a record that cannot be used."""

    name: str
    skips: Skips

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        if index == 3:
            self.skips.add("record 3")
            return None
        return Example((index,), self.name, f"{rng.integers(1_000_000)}")

    def where(self, split: str, count: int) -> tuple[range, ...]:
        return (range(count),)


def stream(*bad: int) -> Stream:
    def read(number: int) -> torch.Tensor:
        if number in bad:
            raise DataError(f"{number}.png: not an image")
        return torch.full((1, 1, 2), float(number))

    skips = Skips()
    mixture = Mixture({name: (Words(name, skips), 1.0) for name in ("a", "b")}, "train", COUNT, seed=1)
    return Stream(mixture, SIZE, ImageSource("tokens", read, (1, 2), COUNT, (1, 1)), skips=skips)


def held(drawn: _StepExamples) -> list[Example]:
    """What each position holds."""
    return [drawn.replaced.get(position, example) for position, example in enumerate(drawn.examples)]


def test_without_bad_images_it_is_the_mixture() -> None:
    made = stream()
    drawn = made.draw(2, range(SIZE))
    assert drawn.examples == made.mixture.batch(2, SIZE) and not drawn.replaced
    numbers = torch.tensor([[*e.images, ABSENT] for e in drawn.examples])
    stacked = made.image_source.stack(numbers, drawn.images)
    assert stacked.tolist() == [[[[n, n]], [[0, 0]]] for n in numbers[:, 0].tolist()]
    assert made.image_source.stack(torch.full((3, 1), ABSENT), {}).tolist() == [[[[0, 0]]]] * 3


def test_a_bad_image_changes_its_own_place_only() -> None:
    good = [stream().draw(step, range(SIZE)) for step in range(30)]
    bad = [stream(5, 6).draw(step, range(SIZE)) for step in range(30)]
    assert sum(len(drawn.replaced) for drawn in bad) > 5
    for one, other in zip(good, bad, strict=True):
        assert one.examples == other.examples
        assert set(other.replaced) == {i for i, e in enumerate(one.examples) if e.images[0] in (5, 6)}
        for position, example in other.replaced.items():
            assert example.images[0] not in (5, 6) and example.prompt == one.examples[position].prompt
        images = [line for line in other.skipped if line != "record 3"]
        assert len(images) >= len(other.replaced) and set(images) <= {f"{n}.png: not an image" for n in (5, 6)}


def test_ranks_and_interruptions_give_every_position_the_same_example() -> None:
    """Every step by a stream that saw nothing before it, each half of it by another one."""
    whole = stream(*range(4, 12))
    for step in range(20):
        drawn = whole.draw(step, range(SIZE))
        halves = [stream(*range(4, 12)).draw(step, mine) for mine in (range(4), range(4, SIZE))]
        assert held(drawn) == held(halves[0])[:4] + held(halves[1])[4:]
        assert not set(halves[0].replaced) & set(halves[1].replaced)


def test_what_all_ranks_meet_is_told_by_one() -> None:
    first = [line for step in range(30) for line in stream().draw(step, range(4)).skipped]
    second = [line for step in range(30) for line in stream().draw(step, range(4, SIZE), first=False).skipped]
    assert "record 3" in first and not second


def test_where_none_can_be_read_it_says_so() -> None:
    with pytest.raises(DataError, match=r"100 images in a row cannot be read; the last: \d+\.png: not an image"):
        stream(*range(COUNT)).draw(0, range(SIZE))
