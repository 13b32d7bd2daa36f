"""Eight small, diverse classification tasks for few-shot probes: the embedded counterpart of the paper's eight.

Except for digits, images show emoji that scenes never show, on backgrounds of scenes, some beside a sign. Classes are
equally frequent, so that the majority baseline is one over their number.

| task | classes | majority | train and test differ in |
|---|---|---|---|
| heldout_category | 8 categories of the emoji list | .125 | the emoji |
| artist_category | the same 8 categories | .125 | the artist |
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

from pali3kit.data.world import names
from pali3kit.data.world.chance import choice
from pali3kit.data.world.classes import MAX_CLASSES, scene_classes, sprite_difference
from pali3kit.data.world.compose import arrange_scene, scene_rng
from pali3kit.data.world.palette import TEXTURES
from pali3kit.data.world.render import blend, render
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.words import SPLITS
from pali3kit.errors import DataError, nearest

Pixels = NDArray[np.uint8]
Draw = Callable[[np.random.Generator, str, int, int], Pixels]  # (generator, split, class, image size) -> image

CATEGORIES = (
    "Activities", "Animals & Nature", "Food & Drink", "Objects", "People & Body", "Smileys & Emotion", "Symbols",
    "Travel & Places",
)  # fmt: skip
FOODS = ("drink", "food-asian", "food-fruit", "food-prepared", "food-sweet", "food-vegetable")
TONES = ("light", "medium-light", "medium", "medium-dark", "dark")
FLAGS = 32
FLAGS_APART = 12  # least `sprite_difference` between two of the chosen flags
SIGNED = 0.3  # probability of a sign
DIGIT = (24, 36)  # range of a digit's side in a 64-pixel image
DIGITS_FOR_TRAIN = 1000
OTHER_ARTIST = {"train": "noto", "test": "twemoji"}
SAME_ARTIST = {"train": "noto", "test": "noto"}


@dataclass(frozen=True, slots=True)
class _Probe:
    """A task: the names of its classes, how it draws an image of a class, and images per class in train and test."""

    classes: tuple[str, ...]
    draw: Draw
    train: int = 40
    test: int = 100
    number: int = 0  # among the tasks, from 1: the purpose of its random generators

    def size(self, split: str) -> int:
        """Number of images of a split."""
        return {"train": self.train, "test": self.test}.get(split, 0) * len(self.classes)

    def images(self, split: str, image_size: int = 64, seed: int = 0) -> tuple[Pixels, NDArray[np.int64]]:
        """All images of a split, uint8 [N, H, W, 3], and labels, int64 [N]. Classes alternate."""
        labels = np.arange(self.size(split)) % len(self.classes)
        images = [
            self.draw(scene_rng(seed, split, index, self.number), split, int(label), image_size)
            for index, label in enumerate(labels)
        ]
        return np.stack(images), labels


def create_probe(task: str) -> _Probe:
    """A task by name. Raises DataError for an unknown one."""
    if task not in TASKS:
        raise DataError(f"no probe task {task!r} in the embedded world.{nearest(task, TASKS)}")
    return replace(_BUILD[task](), number=1 + TASKS.index(task))


def _place(rng: np.random.Generator, chosen: Sequence[str], artist: str, split: str, size: int) -> Scene:
    """A scene of the chosen emoji, sometimes with a sign."""
    signs = int(rng.random() < SIGNED)
    return arrange_scene(rng, artist, chosen, signs, size, split, 0)


def _one_of(pools: dict[str, list[list[str]]], artists: dict[str, str]) -> Draw:
    """Draw one emoji from the pool of its split and class, in the style of the split's artist."""

    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        return render(_place(rng, [choice(rng, pools[split][label])], artists[split], split, size))

    return draw


@cache
def _unseen() -> tuple[str, ...]:
    """The emoji that no scene shows with any option, in a fixed random order."""
    shown = scene_classes(MAX_CLASSES)
    rest = [one for one in names.emoji() if one not in shown]
    return tuple(rest[position] for position in np.random.Generator(np.random.PCG64(0)).permutation(len(rest)))


def _unseen_by_group(key: Callable[[str], str], groups: Sequence[str]) -> list[list[str]]:
    """The unseen emoji of each group."""
    return [[one for one in _unseen() if key(one) == group] for group in groups]


def _heldout_category() -> _Probe:
    pools = _unseen_by_group(names.category, CATEGORIES)
    halves = {"train": [pool[::2] for pool in pools], "test": [pool[1::2] for pool in pools]}
    return _Probe(CATEGORIES, _one_of(halves, SAME_ARTIST))


def _artist_category() -> _Probe:
    pools = _unseen_by_group(names.category, CATEGORIES)
    return _Probe(CATEGORIES, _one_of({"train": pools, "test": pools}, OTHER_ARTIST))


def _skin_tone() -> _Probe:
    toned = [one for one, _ in names.skin_toned()]
    pools = [toned[tone :: len(TONES)] for tone in range(len(TONES))]
    return _Probe(TONES, _one_of({"train": pools, "test": pools}, OTHER_ARTIST))


@cache
def _flags() -> tuple[str, ...]:
    """Flags that look different from each other in the sprites of both artists."""
    chosen: list[str] = []
    for flag in (one for one in _unseen() if names.subgroup(one) == "country-flag"):
        if all(sprite_difference(flag, other) >= FLAGS_APART for other in chosen):
            chosen.append(flag)
    return tuple(chosen[:FLAGS])


def _flag() -> _Probe:
    pools = [[flag] for flag in _flags()]
    countries = tuple(names.in_language("en").name(flag) for flag in _flags())
    return _Probe(countries, _one_of({"train": pools, "test": pools}, OTHER_ARTIST), train=20, test=25)


def _food() -> _Probe:
    pools = _unseen_by_group(names.subgroup, FOODS)
    return _Probe(FOODS, _one_of({"train": pools, "test": pools}, SAME_ARTIST))


@cache
def _digit_images() -> tuple[Pixels, Pixels]:
    """scikit-learn's handwritten digits: images uint8 [1797, 8, 8] in 0..16, labels uint8 [1797]."""
    with np.load(names.ASSETS / "digits.npz", allow_pickle=False) as file:
        return file["images"], file["labels"]


def _digits() -> _Probe:
    images, labels = _digit_images()
    rows = {"train": slice(None, DIGITS_FOR_TRAIN), "test": slice(DIGITS_FOR_TRAIN, None)}
    written = {split: [images[rows[split]][labels[rows[split]] == digit] for digit in range(10)] for split in SPLITS}

    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        scene = _place(rng, _unseen()[:1], "noto", split, size)
        canvas = render(replace(scene, things=(), signs=()))
        choices = written[split][label]
        side = round(int(rng.integers(DIGIT[0], DIGIT[1] + 1)) * size / 64)
        ink = Image.fromarray(choices[int(rng.integers(len(choices)))] * np.uint8(15))
        top, left = (int(rng.integers(size - side + 1)) for _ in range(2))
        blend(canvas, np.asarray(ink.resize((side, side), Image.Resampling.BILINEAR)), top, left, (24, 24, 32))
        return canvas

    return _Probe(tuple(str(digit) for digit in range(10)), draw)


def _count() -> _Probe:
    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        while True:  # until all things find a place
            chosen = [choice(rng, _unseen()) for _ in range(label + 1)]
            scene = _place(rng, chosen, "noto", split, size)
            if len(scene.things) == len(chosen):
                return render(scene)

    return _Probe(("1", "2", "3", "4"), draw)


def _texture() -> _Probe:
    def draw(rng: np.random.Generator, split: str, label: int, size: int) -> Pixels:
        scene = _place(rng, [choice(rng, _unseen()) for _ in range(1 + int(rng.integers(2)))], "noto", split, size)
        return render(replace(scene, texture=TEXTURES[label]))

    return _Probe(TEXTURES, draw)


_BUILD: dict[str, Callable[[], _Probe]] = {
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
