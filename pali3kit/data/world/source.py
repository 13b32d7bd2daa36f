"""The embedded world as a source of training data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from pali3kit.config.world import Artist
from pali3kit.data.source import SourceBase
from pali3kit.data.task import Task
from pali3kit.data.world import captions, corpus
from pali3kit.data.world.compose import scene_rng
from pali3kit.data.world.labels import corrupt_labels, present, sample_labels
from pali3kit.data.world.names import LANGUAGES
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.tasks import WorldTask
from pali3kit.data.world.world import World
from pali3kit.registry import SOURCE

HELD_OUT_SEED = 1 << 32  # of texts; seeds of training runs are smaller
LABELLING = 1  # tells the random stream of a scene's labels from that of the scene
CACHED_SCENES = 1 << 15  # more than the embedded scale uses, but bounded: long pretraining uses each scene once


@SOURCE.register(
    "world",
    "embedded scenes of real emoji, no network",
    given=("seed",),
    embedded=True,
    endless=True,
    labelling=("labels_per_image", "wrong_labels"),
    attributes={"artist": (), "background": (), "disc": ("with", "without")},
)
class WorldSource(World, SourceBase):
    """A `World` with the interface of a `pali3kit.data.source.Source`.

    Args:
        image_size, objects, artist, seed: see `World`.
        english: share of English among alt-texts; the others are in a random one of the 36 languages.
        labels_per_image: the mean number of labels; null labels everything. 1.25 is JFT-300M's.
        wrong_labels: the probability that a label is replaced by a random other one. 0.2 is about JFT-300M's.
    """

    languages = LANGUAGES

    def __init__(
        self,
        image_size: int = 64,
        objects: int = 64,
        artist: Artist = "noto",
        seed: int = 0,
        english: float = 0.75,
        labels_per_image: float | None = 1.25,
        wrong_labels: float = 0.2,
    ) -> None:
        super().__init__(image_size=image_size, objects=objects, artist=artist, seed=seed)
        self.english = english
        self.labels_per_image, self.wrong_labels = labels_per_image, wrong_labels
        # Many tasks and epochs use the same scene; composing it is the most expensive part of an example.
        self._scene = lru_cache(CACHED_SCENES)(super().scene)

    def scene(self, split: str, index: int) -> Scene:
        return self._scene(split, index)

    def image(self, split: str, index: int) -> np.ndarray:
        return self.render(self.scene(split, index))

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        """The most prominent thing first; a scene has the same labels whenever it is read."""
        rng = scene_rng(self.seed, split, index, LABELLING)
        things = present(self.scene(split, index))
        if self.labels_per_image is not None:
            things = sample_labels(things, self.labels_per_image, rng)
        numbers = tuple(self._numbers[thing] for thing in things)
        return corrupt_labels(numbers, self.wrong_labels, len(self.classes), rng)

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        scene = self.scene(split, index)
        language = "en" if rng.random() < self.english else str(rng.choice(LANGUAGES))
        return captions.sample_caption(scene, language, rng)

    def task(self, name: str, bins: int) -> Task:
        return WorldTask(name, self, bins, self.english)

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        return corpus.sentences(seed, self.classes, limit or corpus.SENTENCES, bins)

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts of a seed that no training uses. Templates are the same, so that short texts may occur in both."""
        return self.sentences(HELD_OUT_SEED, bins, limit)

    def tokenized(self, text: str, language: str) -> str:
        return captions.tokenized(text, language)
