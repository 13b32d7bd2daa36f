"""The embedded world: an endless, reproducible stream of images with complete annotations."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.world import atlas
from pali3kit.data.world.classes import scene_classes
from pali3kit.data.world.compose import GENERATOR_VERSION, compose_scene
from pali3kit.data.world.render import render, visible_things
from pali3kit.data.world.scene import Scene
from pali3kit.errors import DataError, nearest


class World:
    """Scenes as a pure function of the options, the split and the index.

    Args:
        image_size: side of the square images in pixels, at least 64.
        objects: number of different emoji that scenes contain; all others are held out.
        artist: the emoji set of all drawings, "noto" or "twemoji"; the other one tests under distribution shift.
        seed: seed of all scenes.

    `digest` is the SHA-256 of the packed assets, the generator's version and the options.
    """

    def __init__(self, image_size: int = 64, objects: int = 64, artist: str = "noto", seed: int = 0) -> None:
        if artist not in atlas.ARTISTS:
            raise DataError(f"no artist {artist!r} in the embedded world.{nearest(artist, atlas.ARTISTS)}")
        if image_size < 64:
            raise DataError(f"world.image_size: {image_size}: must be at least 64 for printed words to be legible")
        self.image_size, self.artist, self.seed = image_size, artist, seed
        self.classes: tuple[str, ...] = scene_classes(objects)
        content = [atlas.assets_digest(), GENERATOR_VERSION, image_size, len(self.classes), artist, seed]
        self.digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        self._numbers = {emoji: number for number, emoji in enumerate(self.classes)}

    def scene(self, split: str, index: int) -> Scene:
        """Scene `index` of "train" or "test"; the splits share no random stream and no printed word."""
        return compose_scene(self.classes, self.artist, self.image_size, self.seed, split, index)

    def render(self, scene: Scene) -> NDArray[np.uint8]:
        """Draw a scene: RGB uint8 [H, W, 3]."""
        return render(scene)

    def masks(self, scene: Scene) -> NDArray[np.bool_]:
        """Visible pixels of each thing, bool [things, H, W]."""
        shown = visible_things(scene.things, scene.signs, scene.artist, scene.size)
        masks: NDArray[np.bool_] = shown[None] == np.arange(len(scene.things), dtype=np.int8)[:, None, None]
        return masks

    def scene_labels(self, scene: Scene) -> tuple[int, ...]:
        """Ascending indices into `classes` of the things in a scene."""
        return tuple(sorted({self._numbers[thing.emoji] for thing in scene.things}))
