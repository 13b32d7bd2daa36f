"""The embedded world's sets for evaluating encoders alone: probe tasks, scenes with one class, captioned scenes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pali3kit.config.world import Artist, WorldTask
from pali3kit.data.sets.contract import Caption
from pali3kit.data.world import atlas, captions, probes, vocabulary
from pali3kit.data.world.compose import GENERATOR_VERSION
from pali3kit.data.world.names import LANGUAGES
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.world import World
from pali3kit.registry import CAPTIONED, LABELLED

CAPTIONS = 2  # per image and language, as in most of Crossmodal-3600


def _digest(*options: str | int) -> str:
    content = [atlas.assets_digest(), GENERATOR_VERSION, *options]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@LABELLED.register("world_probe", "embedded: one of eight small tasks")
class WorldProbe:
    """One of the eight small tasks of `data.world.probes`, with images of `image_size` pixels."""

    def __init__(self, task: WorldTask, image_size: int = 64) -> None:
        self._probe, self._image_size = probes.create_probe(task), image_size
        self.classes = self._probe.classes
        self.digest = _digest(task, image_size)

    def content(self, split: str) -> str:
        return self.digest

    @cached_property
    def _arrays(self) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        return {split: self._probe.images(split, self._image_size) for split in ("train", "test")}

    def size(self, split: str) -> int:
        return self._probe.size(split)

    def image(self, split: str, index: int) -> np.ndarray:
        return np.asarray(self._arrays[split][0][index])

    def labels(self, split: str) -> NDArray[np.int64]:
        return self._arrays[split][1] if split in self._arrays else np.zeros(0, np.int64)

    def relabelled(self, split: str) -> None:
        return None


@LABELLED.register(
    "world_classes",
    "embedded: the class of a scene's largest thing",
    titles={"top1": "embedded/imagenet", "real": "embedded/imagenet-real", "v2": "embedded/imagenet-v2"},
)
class WorldClasses:
    """Scenes labelled with the class of their largest object, as ImageNet labels one object of an image.

    `relabelled` has the classes of all objects, as ReaL has; "v2" is other scenes of the same classes, drawn by the
    other artist.
    """

    def __init__(self, objects: int = 64, train: int = 4000, test: int = 1000, image_size: int = 64) -> None:
        by = {name: World(image_size=image_size, objects=objects, artist=name) for name in atlas.ARTISTS}
        own, other = by.values()
        # `v2` begins where `test` ends, so that the two share no scene. The stages on PaLI use the same train scenes;
        # an encoder's pretraining uses others.
        self._splits = {
            "train": (own, "train", range(train)),
            "test": (own, "test", range(test)),
            "v2": (other, "test", range(test, 2 * test)),
        }
        self.classes = tuple(vocabulary.noun(emoji) for emoji in own.classes)
        self.digest = _digest(objects, train, test, image_size)
        self._options = objects, image_size

    def content(self, split: str) -> str:
        return _digest(*self._options, split, self.size(split), self._splits[split][2].start)

    def size(self, split: str) -> int:
        return len(self._splits[split][2]) if split in self._splits else 0

    def image(self, split: str, index: int) -> np.ndarray:
        world, _, _ = self._splits[split]
        return world.render(self._scene(split, index))

    def labels(self, split: str) -> NDArray[np.int64]:
        if split not in self._splits:
            return np.zeros(0, np.int64)
        world, _, indices = self._splits[split]
        return np.array([_main(world, self._scene(split, index)) for index in range(len(indices))], np.int64)

    def relabelled(self, split: str) -> Sequence[tuple[int, ...]] | None:
        if split != "test":
            return None
        world, _, indices = self._splits[split]
        return [world.scene_labels(self._scene(split, index)) for index in range(len(indices))]

    def _scene(self, split: str, index: int) -> Scene:
        world, part, indices = self._splits[split]
        return world.scene(part, indices[index])


def _main(world: World, scene: Scene) -> int:
    """The class of the object with the largest box; of equal ones, the first in drawing order."""
    largest = max(scene.things, key=lambda thing: (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1]))
    return world.classes.index(largest.emoji)


@CAPTIONED.register("world_captions", "embedded: scenes with captions in 36 languages", titles={"": "embedded/xm3600"})
class WorldCaptions:
    """Scenes of the test split with two captions in each of the 36 languages: the counterpart of Crossmodal-3600.

    They are drawn by the artist that no encoder was trained on.
    """

    languages = LANGUAGES

    def __init__(self, objects: int = 64, artist: Artist = "twemoji", test: int = 500, image_size: int = 64) -> None:
        self._world = World(image_size=image_size, objects=objects, artist=artist)
        self._count = test
        self.digest = _digest(objects, artist, test, image_size)

    def content(self, split: str) -> str:
        return self.digest

    def size(self, split: str) -> int:
        return self._count if split == "test" else 0

    def image(self, split: str, index: int) -> np.ndarray:
        return self._world.render(self._world.scene(split, index))

    def captions(self, language: str) -> Sequence[Caption]:
        return [
            (index, text)
            for index in range(self._count)
            for text in captions.references(self._world.scene("test", index), language)[:CAPTIONS]
        ]
