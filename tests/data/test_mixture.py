"""Mixtures: weights are shares, a batch depends on seed and step alone, an impossible task says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from pali3kit.data.mixture import Mixture
from pali3kit.data.task import Example, held_out
from pali3kit.errors import DataError


@dataclass
class Fake:
    name: str
    every: int = 1

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        return Example(index, f"{self.name} {split}", str(rng.random())) if index % self.every == 0 else None


def mixture(seed: int = 0) -> Mixture:
    return Mixture({"a": (Fake("a"), 3.0), "b": (Fake("b", every=5), 1.0)}, "train", 50, seed)


def test_weights_are_shares() -> None:
    counts = Counter(e.prompt for step in range(40) for e in mixture().batch(step, 50))
    assert counts["a train"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    one, other = mixture(), mixture()
    other.batch(0, 16)
    assert one.batch(3, 16) == other.batch(3, 16)
    assert one.batch(3, 16) != one.batch(4, 16)
    assert one.batch(3, 16) != mixture(seed=1).batch(3, 16)


def test_pictures_without_an_example_are_passed_over() -> None:
    examples = Mixture({"b": (Fake("b", every=5), 1.0)}, "train", 50, 0).batch(0, 100)
    assert {e.image % 5 for e in examples} == {0}


def test_a_task_that_fits_no_picture_is_an_error() -> None:
    with pytest.raises(DataError, match="'b' found no example in 100 pictures of the train split"):
        Mixture({"b": (Fake("b", every=10**9), 1.0)}, "train", 50, 0)._draw(NeverTask(), np.random.default_rng(0))


class NeverTask:
    name = "b"

    def draw(self, split: str, index: int, rng: np.random.Generator) -> None:
        return None


def test_held_out_examples_are_in_order_limited_and_repeatable() -> None:
    task = Fake("b", every=5)
    examples = held_out(task, "test", 50, 4, seed=0)
    assert [e.image for e in examples] == [0, 5, 10, 15]
    assert examples == held_out(task, "test", 50, 4, seed=0)
    assert len(held_out(task, "test", 50, 100, seed=0)) == 10
