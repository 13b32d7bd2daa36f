"""The stream of examples: each by its seed, step, position and attempt alone; only those asked for are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from pali3kit.data.batch import ABSENT
from pali3kit.data.mixture import Mixture
from pali3kit.data.records import Skips
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.masks.codec import RegionFormat
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.training.stream import ImageSource, Stream

COUNT, SIZE = 20, 8


@dataclass
class Words:
    """A task that notes its third image as a record that cannot be used; `asked` are the images that it was asked for.

    Every other of its examples asks for a region.
    """

    name: str
    skips: Skips
    asked: list[int] = field(default_factory=list)

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        self.asked.append(index)
        if index == 3:
            self.skips.add("record 3")
            return None
        mask = np.ones((4, 4), bool) if index % 2 else None
        text = f"{rng.integers(1_000_000)}" if mask is None else RegionFormat(9).write_box((0, 0, 4, 4), 4, 4)
        return Example((index,), self.name, text, box=None if mask is None else (0, 0, 4, 4), mask=mask)

    def where(self, split: str, count: int) -> tuple[range, ...]:
        return (range(count),)


def stream(*bad: int, asked: list[int] | None = None, read: list[int] | None = None) -> Stream:
    """A stream that cannot read the images `bad`, and notes for which images it asked a task and which it read."""
    asked, known = [] if asked is None else asked, [] if read is None else read

    def read_one(number: int) -> torch.Tensor:
        known.append(number)
        if number in bad:
            raise DataError(f"{number}.png: not an image")
        return torch.full((1, 1, 2), float(number))

    skips = Skips()
    mixture = Mixture({name: (Words(name, skips, asked), 1.0) for name in ("a", "b")}, "train", COUNT, seed=1)
    return Stream(mixture, ImageSource("tokens", read_one, (1, 2), COUNT, (1, 1)), skips=skips)


def plain(example: Example) -> tuple[Any, ...]:
    """An example without its mask, which cannot be compared."""
    return example.images, example.prompt, example.target, example.box


def test_without_bad_images_it_is_the_mixture() -> None:
    made = stream()
    drawn = made.draw(2, range(SIZE))
    assert list(map(plain, drawn.examples)) == [plain(made.mixture.example(2, i)) for i in range(SIZE)]
    numbers = torch.tensor([[*e.images, ABSENT] for e in drawn.examples])
    stacked = made.image_source.stack(numbers, drawn.images)
    assert stacked.tolist() == [[[[n, n]], [[0, 0]]] for n in numbers[:, 0].tolist()]
    assert made.image_source.stack(torch.full((3, 1), ABSENT), {}).tolist() == [[[[0, 0]]]] * 3


def test_a_bad_image_changes_its_own_place_only() -> None:
    replaced = 0
    for step in range(30):
        good, bad = stream().draw(step, range(SIZE)), stream(5, 6).draw(step, range(SIZE))
        for one, other in zip(good.examples, bad.examples, strict=True):
            assert other.images[0] not in (5, 6) and other.prompt == one.prompt
            assert (plain(one) == plain(other)) is (one.images[0] not in (5, 6))
        places = sum(e.images[0] in (5, 6) for e in good.examples)
        images = [line for line in bad.skipped if line != "record 3"]
        assert len(images) >= places and set(images) <= {f"{n}.png: not an image" for n in (5, 6)}
        replaced += places
    assert replaced > 5


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_and_interruptions_give_every_position_the_same_example(ranks: int) -> None:
    """Every step by a stream that saw nothing before it, each part of it by another one; so do the messages."""
    whole = stream(*range(4, 12))
    for step in range(20):
        drawn = whole.draw(step, range(SIZE))
        parts = [
            stream(*range(4, 12)).draw(step, range(r * SIZE // ranks, (r + 1) * SIZE // ranks)) for r in range(ranks)
        ]
        assert list(map(plain, drawn.examples)) == [plain(e) for part in parts for e in part.examples]
        assert drawn.skipped == [line for part in parts for line in part.skipped]
    assert "record 3" in [line for step in range(20) for line in whole.draw(step, range(SIZE)).skipped]


def test_a_rank_draws_and_reads_its_own_examples_only() -> None:
    """Each position once, and each image of a step once."""
    for rank in range(4):
        asked: list[int] = []
        read: list[int] = []
        made = stream(asked=asked, read=read)
        drawn = [made.draw(step, range(2 * rank, 2 * rank + 2)) for step in range(50)]
        assert len(asked) - asked.count(3) == 50 * SIZE // 4
        assert len(read) == sum(len({e.images for e in each.examples}) for each in drawn) < 50 * SIZE // 4


def test_only_its_own_regions_get_mask_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    tokenizer, encoded = MaskVQVAE(codes=8, code_width=4, width=4).eval(), []
    encode = tokenizer.encode
    monkeypatch.setattr(tokenizer, "encode", lambda masks: encoded.append(len(masks)) or encode(masks))
    whole = replace(stream(), mask_tokenizer=tokenizer).draw(0, range(SIZE)).examples
    regions = [e.mask is not None for e in whole]
    assert encoded == [sum(regions)] and 0 < sum(regions) < SIZE
    assert all(("<mask" in e.target) is region for e, region in zip(whole, regions, strict=True))
    for position, example in enumerate(whole):
        [alone] = replace(stream(), mask_tokenizer=tokenizer).draw(0, [position]).examples
        assert plain(alone) == plain(example)
    assert encoded[1:] == [1] * sum(regions)


def test_where_none_can_be_read_it_says_so() -> None:
    with pytest.raises(DataError, match=r"100 images in a row cannot be read; the last: \d+\.png: not an image"):
        stream(*range(COUNT)).draw(0, range(SIZE))
