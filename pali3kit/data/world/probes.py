"""Eight small classification tasks that differ, for few-shot probes: the embedded counterpart of the paper's eight.

All pictures (digits apart) are ones that scenes never show, drawn on the backgrounds of scenes, some beside a sign.
Classes are equally frequent, so the majority baseline is one over their number.

| task | classes | majority | train and test differ in |
|---|---|---|---|
| heldout_category | 8 groups of the emoji list | .125 | the pictures |
| artist_category | the same 8 groups | .125 | the artist |
| skin_tone | 5 tones of hands and body parts | .200 | the artist |
| flag | 32 countries and territories | .031 | the artist |
| digits | 10 handwritten digits | .100 | the digits written |
| count | 1 to 4 things | .250 | the scenes |
| texture | 8 background textures | .125 | the scenes |
| food | 6 kinds of food and drink | .167 | the scenes |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pali3kit.data.world import atlas, names
from pali3kit.data.world.classes import difference, shown_at_most
from pali3kit.data.world.compose import Palette, arrange, generator, pick
from pali3kit.data.world.palette import TEXTURES
from pali3kit.data.world.render import background, render, tint
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.words import SPLITS, words
from pali3kit.errors import DataError, nearest

Pixels = NDArray[np.uint8]
Arrays = tuple[Pixels, NDArray[np.int64], Pixels, NDArray[np.int64]]
Draw = Callable[[np.random.Generator, str, int, int], Pixels]  # (stream, split, class, image size) -> picture

CATEGORIES = (
    "Activities", "Animals & Nature", "Food & Drink", "Objects", "People & Body", "Smileys & Emotion", "Symbols",
    "Travel & Places",
)  # fmt: skip
FOODS = ("drink", "food-asian", "food-fruit", "food-prepared", "food-sweet", "food-vegetable")
TONES = ("light", "medium-light", "medium", "medium-dark", "dark")
FLAGS = 32
FLAGS_APART = 12  # least difference between two of the chosen flags, see `classes.difference`
SIGNED = 0.3  # chance of a sign beside the picture
DIGIT = (24, 36)  # side of a digit in a 64-pixel picture
DIGITS_FOR_TRAIN = 1000
OTHER_ARTIST = {"train": "noto", "test": "twemoji"}
SAME_ARTIST = {"train": "noto", "test": "noto"}


@dataclass(frozen=True, slots=True)
class Probe:
    """One task: names of its classes, how it draws a class, pictures of each class in train and test."""

    classes: tuple[str, ...]
    draw: Draw
    train: int = 40
    test: int = 100


def load(name: str, image_size: int = 64, seed: int = 0) -> Arrays:
    """Train images uint8 [N, H, W, 3] and labels int64 [N], then the same of test. Classes alternate."""
    probe = _probe(name)
    train, test = (_draw_all(name, probe, split, image_size, seed) for split in SPLITS)
    return *train, *test


def count(name: str, split: str) -> int:
    """How many pictures of a split there are."""
    probe = _probe(name)
    return {"train": probe.train, "test": probe.test}.get(split, 0) * len(probe.classes)


def classes(name: str) -> tuple[str, ...]:
    """Names of a task's classes, in the order of its labels."""
    return _probe(name).classes


def _probe(name: str) -> Probe:
    if name not in TASKS:
        raise DataError(f"no probe task {name!r} in the embedded world.{nearest(name, TASKS)}")
    return _BUILD[name]()


def _draw_all(name: str, probe: Probe, split: str, size: int, seed: int) -> tuple[Pixels, NDArray[np.int64]]:
    each = probe.train if split == "train" else probe.test
    labels = np.arange(each * len(probe.classes)) % len(probe.classes)
    purpose = 1 + TASKS.index(name)  # purpose 0 is that of the scenes
    images = [
        probe.draw(generator(seed, split, index, purpose), split, int(label), size)
        for index, label in enumerate(labels)
    ]
    return np.stack(images), labels


def _place(rng: np.random.Generator, chosen: Sequence[str], artist: str, split: str, size: int) -> Scene:
    """A scene of the chosen pictures, sometimes with a sign."""
    signs = int(rng.random() < SIGNED)
    return arrange(rng, Palette(tuple(chosen), artist, words(split)), chosen, signs, size, split, 0)


def _one_of(pools: dict[str, list[list[str]]], artists: dict[str, str]) -> Draw:
    """Draws one picture from the pool of its split and class, by the artist of its split."""

    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        return render(_place(rng, [pick(rng, pools[split][label])], artists[split], split, size))

    return draw


@cache
def _unseen() -> tuple[str, ...]:
    """Pictures that no scene shows, in a fixed random order."""
    rest = [one for one in names.emoji() if one not in shown_at_most()]
    return tuple(rest[position] for position in np.random.Generator(np.random.PCG64(0)).permutation(len(rest)))


def _of(key: Callable[[str], str], groups: Sequence[str]) -> list[list[str]]:
    """Unseen pictures of each group."""
    return [[one for one in _unseen() if key(one) == group] for group in groups]


def _heldout_category() -> Probe:
    pools = _of(names.category, CATEGORIES)
    halves = {"train": [pool[::2] for pool in pools], "test": [pool[1::2] for pool in pools]}
    return Probe(CATEGORIES, _one_of(halves, SAME_ARTIST))


def _artist_category() -> Probe:
    pools = _of(names.category, CATEGORIES)
    return Probe(CATEGORIES, _one_of({"train": pools, "test": pools}, OTHER_ARTIST))


def _skin_tone() -> Probe:
    toned = [one for one, _ in names.toned()]
    pools = [toned[tone :: len(TONES)] for tone in range(len(TONES))]
    return Probe(TONES, _one_of({"train": pools, "test": pools}, OTHER_ARTIST))


@cache
def _flags() -> tuple[str, ...]:
    """Flags that look different from each other in both artists' hands."""
    chosen: list[str] = []
    for flag in (one for one in _unseen() if names.subgroup(one) == "country-flag"):
        if all(difference(flag, other) >= FLAGS_APART for other in chosen):
            chosen.append(flag)
    return tuple(chosen[:FLAGS])


def _flag() -> Probe:
    pools = [[flag] for flag in _flags()]
    named = tuple(names.name(flag, "en") for flag in _flags())
    return Probe(named, _one_of({"train": pools, "test": pools}, OTHER_ARTIST), train=20, test=25)


def _food() -> Probe:
    pools = _of(names.subgroup, FOODS)
    return Probe(FOODS, _one_of({"train": pools, "test": pools}, SAME_ARTIST))


def _digits() -> Probe:
    images, labels = atlas.digits()
    rows = {"train": slice(None, DIGITS_FOR_TRAIN), "test": slice(DIGITS_FOR_TRAIN, None)}
    written = {split: [images[rows[split]][labels[rows[split]] == digit] for digit in range(10)] for split in SPLITS}

    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        canvas = background(_place(rng, _unseen()[:1], "noto", split, size))
        choices = written[split][label]
        side = round(int(rng.integers(DIGIT[0], DIGIT[1] + 1)) * size / 64)
        ink = Image.fromarray(choices[int(rng.integers(len(choices)))] * np.uint8(15))
        top, left = (int(rng.integers(size - side + 1)) for _ in range(2))
        tint(canvas, np.asarray(ink.resize((side, side), Image.Resampling.BILINEAR)), top, left, (24, 24, 32))
        return canvas

    return Probe(tuple(str(digit) for digit in range(10)), draw)


def _count() -> Probe:
    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        while True:  # until all things have found a place
            chosen = [pick(rng, _unseen()) for _ in range(label + 1)]
            scene = _place(rng, chosen, "noto", split, size)
            if len(scene.things) == len(chosen):
                return render(scene)

    return Probe(("1", "2", "3", "4"), draw)


def _texture() -> Probe:
    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        scene = _place(rng, [pick(rng, _unseen()) for _ in range(1 + int(rng.integers(2)))], "noto", split, size)
        return render(replace(scene, texture=TEXTURES[label]))

    return Probe(TEXTURES, draw)


_BUILD: dict[str, Callable[[], Probe]] = {
    "heldout_category": _heldout_category,
    "artist_category": _artist_category,
    "skin_tone": _skin_tone,
    "flag": _flag,
    "digits": _digits,
    "count": _count,
    "texture": _texture,
    "food": _food,
}
TASKS: tuple[str, ...] = tuple(_BUILD)
