"""The embedded world: an endless, repeatable supply of pictures about which everything is known."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.world import atlas
from pali3kit.data.world.classes import scene_classes
from pali3kit.data.world.compose import GENERATOR_VERSION, compose
from pali3kit.data.world.render import owners, render
from pali3kit.data.world.scene import Scene
from pali3kit.errors import DataError, nearest


class World:
    """Scenes as a pure function of the options, the split and the index.

    Args:
        image_size: side of the square pictures in pixels, from 64.
        objects: how many kinds of things occur in scenes; all other pictures stay unseen.
        artist: "noto" or "twemoji": the same things by another hand, for tests under shift.
        seed: another world of the same things.

    Its `digest` is the SHA-256 of the packed assets, the generator's version and the options.
    """

    def __init__(self, image_size: int = 64, objects: int = 64, artist: str = "noto", seed: int = 0) -> None:
        if artist not in atlas.ARTISTS:
            raise DataError(f"no artist {artist!r} in the embedded world.{nearest(artist, atlas.ARTISTS)}")
        if image_size < 64:
            raise DataError(f"world.image_size: {image_size}: things and print need at least 64 pixels")
        self.image_size, self.artist, self.seed = image_size, artist, seed
        self.classes: tuple[str, ...] = scene_classes(objects)
        known = [atlas.digest(), GENERATOR_VERSION, image_size, len(self.classes), artist, seed]
        self.digest = hashlib.sha256(json.dumps(known).encode()).hexdigest()
        self._numbers = {emoji: number for number, emoji in enumerate(self.classes)}

    def scene(self, split: str, index: int) -> Scene:
        """Scene `index` of "train" or "test"; the two share no stream and no printed word."""
        return compose(self.classes, self.artist, self.image_size, self.seed, split, index)

    def render(self, scene: Scene) -> NDArray[np.uint8]:
        """The picture, RGB uint8 [H, W, 3]."""
        return render(scene)

    def masks(self, scene: Scene) -> NDArray[np.bool_]:
        """Visible pixels of each thing, bool [things, H, W]."""
        shown = owners(scene.things, scene.signs, scene.artist, scene.size)
        seen: NDArray[np.bool_] = shown[None] == np.arange(len(scene.things), dtype=np.int8)[:, None, None]
        return seen

    def scene_labels(self, scene: Scene) -> tuple[int, ...]:
        """Plausible classes of a picture, ascending indices into `classes`: its things; no words, places or colours."""
        return tuple(sorted({self._numbers[thing.emoji] for thing in scene.things}))
