"""Mixtures: weights are shares, an example depends on seed, step and position alone, an impossible task says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from pali3kit.data.mixture import Mixture, tempered
from pali3kit.data.task import Example, held_out
from pali3kit.errors import DataError


@dataclass
class Fake:
    name: str
    every: int = 1

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        return Example((index,), f"{self.name} {split}", str(rng.random())) if index % self.every == 0 else None

    def where(self, split: str, count: int) -> tuple[range, ...]:
        return (range(count),)


def mixture(seed: int = 0) -> Mixture:
    return Mixture({"a": (Fake("a"), 3.0), "b": (Fake("b", every=5), 1.0)}, "train", 50, seed)


def batch(made: Mixture, step: int, size: int) -> list[Example]:
    return [made.example(step, position) for position in range(size)]


def test_weights_are_shares() -> None:
    counts = Counter(e.prompt for step in range(40) for e in batch(mixture(), step, 50))
    assert counts["a train"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_an_example_is_a_function_of_seed_step_and_position() -> None:
    """Whatever was drawn before it, and whatever else is drawn of its step."""
    one, other = mixture(), mixture()
    assert one.example(3, 9) == batch(other, 3, 16)[9]
    others = [other.example(4, 9), other.example(3, 10), other.example(9, 3), mixture(seed=1).example(3, 9)]
    assert len({e.target for e in (one.example(3, 9), *others)}) == 5


def test_positions_are_independent() -> None:
    """Images of neighbouring positions, steps and seeds: correlations within four standard errors of none."""
    drawn = np.array([[batch(mixture(seed), step, 9) for step in range(9)] for seed in range(40)], object)
    images = np.vectorize(lambda example: example.images[0] if example.prompt == "a train" else -1)(drawn).astype(float)
    for axis in range(3):
        one = np.delete(images, -1, axis).ravel()
        next_ = np.delete(images, 0, axis).ravel()
        both = (one >= 0) & (next_ >= 0)
        assert abs(np.corrcoef(one[both], next_[both])[0, 1]) < 4 / both.sum() ** 0.5


def test_another_example_for_a_position_is_of_the_same_task_and_of_its_own_stream() -> None:
    made = mixture()
    drawn = batch(made, 3, 16)
    others = [made.example(3, position, 1) for position in range(16)]
    assert [e.prompt for e in others] == [e.prompt for e in drawn]
    targets = {e.target for e in (*drawn, *others, made.example(3, 0, 2), made.example(4, 0, 1))}
    assert len(targets) == 16 + 16 + 2
    assert made.example(3, 5, 1) == mixture().example(3, 5, 1)


def test_images_without_an_example_are_passed_over() -> None:
    examples = batch(Mixture({"b": (Fake("b", every=5), 1.0)}, "train", 50, 0), 0, 100)
    assert {e.images[0] % 5 for e in examples} == {0}


def test_a_task_that_fits_no_image_is_an_error() -> None:
    with pytest.raises(DataError, match="'b' found no example in 1000 images of the train split"):
        Mixture({"b": (NeverTask(), 1.0)}, "train", 50, 0).example(0, 0)


class NeverTask:
    name = "b"

    def draw(self, split: str, index: int, rng: np.random.Generator) -> None:
        return None

    def where(self, split: str, count: int) -> tuple[range, ...]:
        return (range(count),)


@dataclass
class Rare(Fake):
    """On 10, 11, 40 and 42 alone."""

    ranges: tuple[range, ...] = (range(10, 12), range(30, 30), range(40, 44, 2))

    def where(self, split: str, count: int) -> tuple[range, ...]:
        return self.ranges


def test_a_rare_task_is_drawn_where_it_is() -> None:
    counts = Counter(e.images[0] for e in batch(Mixture({"a": (Rare("a"), 1.0)}, "train", 50, 0), 0, 4000))
    assert set(counts) == {10, 11, 40, 42}
    assert all(count == pytest.approx(1000, abs=5 * 750**0.5) for count in counts.values())
    assert [e.images[0] for e in held_out(Rare("a"), "train", 50, 3, 0)] == [10, 11, 40]


def test_bad_images_are_not_drawn() -> None:
    mixture = Mixture({"a": (Rare("a"), 1.0)}, "train", 50, 0, without={10, 42})
    assert {e.images[0] for e in batch(mixture, 0, 100)} == {11, 40}


def test_a_task_on_none_of_the_images_is_an_error() -> None:
    with pytest.raises(DataError, match=r"none of the 50 images of the train split is one for task 'a'; \{a: 0\}"):
        Mixture({"a": (Rare("a", ranges=(range(0),)), 1.0)}, "train", 50, 0)


def test_the_streams_are_those_that_are_documented() -> None:
    """The embedded world's tables rest on them: one for a position, another for each of its replacements."""
    made = Mixture({"a": (Fake("a"), 1.0)}, "train", 50, 0)
    rng = np.random.default_rng([0, 3, 1])
    rng.random()  # which task
    assert made.example(3, 1) == Example((int(rng.integers(50)),), "a train", str(rng.random()))
    rng = np.random.default_rng([0, 3, 1, 2])
    assert made.example(3, 1, 2) == Example((int(rng.integers(50)),), "a train", str(rng.random()))


@pytest.mark.parametrize("temperature", [1.0, 2.0, 0.5])
def test_proportions_follow_the_temperature(temperature: float) -> None:
    """20,000 draws, each share within five standard deviations of a binomial's."""
    weights = {"a": 1.0, "b": 4.0, "c": 16.0, "never": 0.0}
    expected = {name: weight ** (1 / temperature) for name, weight in weights.items()}
    tasks = {name: (Fake(name), weight) for name, weight in tempered(weights, temperature).items()}
    counts = Counter(e.prompt.split()[0] for e in batch(Mixture(tasks, "train", 50, 0), 0, 20_000))
    for name, weight in expected.items():
        share = weight / sum(expected.values())
        assert abs(counts[name] - 2e4 * share) <= 5 * (2e4 * share * (1 - share)) ** 0.5


def test_a_temperature_of_1_changes_no_weight() -> None:
    assert tempered({"a": 0.1, "b": 3.0}, 1.0) == {"a": 0.1, "b": 3.0}
    assert tempered({"a": 4.0, "b": 0.0}, 2.0) == {"a": 2.0, "b": 0.0}


def test_held_out_examples_are_in_order_limited_and_repeatable() -> None:
    task = Fake("b", every=5)
    examples = held_out(task, "test", 50, 4, seed=0)
    assert [e.images[0] for e in examples] == [0, 5, 10, 15]
    assert examples == held_out(task, "test", 50, 4, seed=0)
    assert len(held_out(task, "test", 50, 100, seed=0)) == 10
