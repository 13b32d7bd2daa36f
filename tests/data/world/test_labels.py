"""Labels as JFT-300M has them: their number, their errors, and what they do not depend on."""

from __future__ import annotations

from math import comb, log

import numpy as np
import pytest

from pali3kit.config.ranges import RANGES
from pali3kit.data.sets.world import WorldClasses
from pali3kit.data.world.labels import MEAN_THINGS, corrupt_labels, present, sample_labels
from pali3kit.data.world.source import WorldSource
from pali3kit.data.world.world import World

SCENES = 1200


def binomial(n: int, p: float, tail: float = 1e-6) -> tuple[int, int]:
    """The smallest and largest count of n whose tails, itself included, have a probability above `tail`: exact."""
    if p in (0, 1):
        return round(n * p), round(n * p)
    mass = np.exp([log(comb(n, k)) + k * log(p) + (n - k) * log(1 - p) for k in range(n + 1)])
    return int(np.argmax(np.cumsum(mass) > tail)), n - int(np.argmax(np.cumsum(mass[::-1]) > tail))


def labels(count: int = SCENES, **options: object) -> list[tuple[int, ...]]:
    source = WorldSource(objects=40, **options)  # type: ignore[arg-type]
    return [source.labels("train", index) for index in range(count)]


@pytest.fixture(scope="module")
def complete() -> list[tuple[int, ...]]:
    return labels(labels_per_image=None, wrong_labels=0.0)


def test_complete_ones_are_all_things_once_the_most_prominent_first(complete: list[tuple[int, ...]]) -> None:
    """As the counterpart of ImageNet has them, whatever the defaults of the source are."""
    world, classes = World(objects=40), WorldClasses(objects=40, train=200)
    assert [tuple(sorted(each)) for each in complete[:200]] == [
        world.scene_labels(world.scene("train", index)) for index in range(200)
    ]
    assert [each[0] for each in complete[:200]] == classes.labels("train").tolist()
    assert classes.relabelled("test") == [world.scene_labels(world.scene("test", i)) for i in range(1000)]


def test_the_mean_number_of_things_is_the_measured_one(complete: list[tuple[int, ...]]) -> None:
    assert sum(map(len, complete)) / SCENES == pytest.approx(MEAN_THINGS, abs=0.06)  # two standard errors
    assert RANGES["labels_per_image"].high == MEAN_THINGS


@pytest.mark.parametrize("mean", [1.0, 1.25, 2.24])
def test_there_are_as_many_as_asked_and_the_first_is_always_kept(complete: list[tuple[int, ...]], mean: float) -> None:
    drawn = labels(labels_per_image=mean, wrong_labels=0.0)
    assert [each[0] for each in drawn] == [each[0] for each in complete]
    assert all(set(some) <= set(every) for some, every in zip(drawn, complete, strict=True))
    others, kept = (sum(map(len, each)) - SCENES for each in (complete, drawn))
    low, high = binomial(others, (mean - 1) / (MEAN_THINGS - 1))
    assert low <= kept <= high
    assert sum(map(len, drawn)) / SCENES == pytest.approx(mean, abs=0.06)


@pytest.mark.parametrize("wrong", [0.0, 0.2, 1.0])
def test_as_many_are_wrong_as_asked_whatever_their_number(wrong: float) -> None:
    right, told = (labels(wrong_labels=share) for share in (0.0, wrong))
    pairs = [pair for one, other in zip(right, told, strict=True) for pair in zip(one, other, strict=True)]
    low, high = binomial(len(pairs), wrong)
    assert low <= sum(one != other for one, other in pairs) <= high


def test_wrong_ones_are_any_other_class_as_often() -> None:
    rng = np.random.default_rng(0)
    (found,) = zip(*(corrupt_labels((2,), 1.0, 5, rng) for _ in range(2000)), strict=True)
    low, high = binomial(2000, 0.25)
    assert all(low <= found.count(other) <= high for other in (0, 1, 3, 4)) and 2 not in found


def test_a_single_class_cannot_be_mistaken() -> None:
    assert corrupt_labels((0,), 1.0, 1, np.random.default_rng(0)) == (0,)


def test_a_single_thing_is_always_labelled() -> None:
    assert sample_labels(("a",), 1.0, np.random.default_rng(0)) == ("a",)


def test_a_scene_has_the_same_ones_whenever_it_is_read() -> None:
    source = WorldSource(objects=40)
    backwards = [source.labels("train", index) for index in reversed(range(60))]
    assert backwards[::-1] == labels(60) == [source.labels("train", index) for index in range(60)]
    assert labels(60) != labels(60, seed=1)
    assert [source.labels("test", index) for index in range(60)] != labels(60)


def test_scenes_images_and_texts_do_not_depend_on_them() -> None:
    told, whole = WorldSource(objects=40), WorldSource(objects=40, labels_per_image=None, wrong_labels=0.0)
    assert told.digest == whole.digest == World(objects=40).digest
    for index in range(20):
        told.labels("train", index)
        assert told.scene("train", index) == whole.scene("train", index)
        texts = [each.alt_text("train", index, np.random.default_rng(index)) for each in (told, whole)]
        assert texts[0] == texts[1]
    np.testing.assert_array_equal(told.image("train", 3), whole.image("train", 3))


def test_the_most_prominent_thing_has_the_largest_box() -> None:
    scene = next(scene for scene in map(World().scene, ["train"] * 99, range(99)) if len(present(scene)) > 2)
    areas = {emoji: 0 for emoji in present(scene)}
    for thing in scene.things:
        y0, x0, y1, x1 = thing.box
        areas[thing.emoji] = max(areas[thing.emoji], (y1 - y0) * (x1 - x0))
    assert list(areas.values()) == sorted(areas.values(), reverse=True)
