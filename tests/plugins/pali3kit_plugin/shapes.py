"""Drawn shapes: a source that makes its own images, captions and questions."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.reader import Files
from pali3kit.data.record import Asked, Record
from pali3kit.registry import SOURCE

SHAPES = ("square", "disc", "cross")
COLOURS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (40, 80, 200), "yellow": (220, 200, 40)}
BACKGROUNDS = {"white": 255, "black": 0}
SPLITS = ("train", "test")


class Shapes(Files):
    """The records of a split: image `number` has one shape, of which a caption and two questions tell."""

    def __init__(self, split: str, count: int, image_size: int, background: str) -> None:
        super().__init__()
        self.split, self.count, self.image_size, self.background = split, count, image_size, background

    def __len__(self) -> int:
        return self.count

    def record(self, number: int) -> Record:
        rng = np.random.default_rng([SPLITS.index(self.split), number])
        shape, colour = str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS)))
        pixels = np.full((self.image_size, self.image_size, 3), BACKGROUNDS[self.background], np.uint8)
        pixels[_inside(shape, self.image_size, rng)] = COLOURS[colour]
        return Record(
            name=f"shapes/{self.split}/{number}",
            read_image=lambda: (
                f"P6 {self.image_size} {self.image_size} 255\n".encode() + pixels.tobytes()
            ),  # a PPM file
            captions={"en": (f"a {colour} {shape} on a {self.background} background",)},
            questions=(
                Asked(f"what colour is the {shape}?", (colour,) * 10),
                Asked(f"what is the shape of the {colour} thing?", (shape,) * 10),
            ),
        )


def _inside(shape: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """The pixels of a shape that lies anywhere in the image, bool `[size,size]`."""
    radius = size // 4
    row, column = rng.integers(radius, size - radius, size=2)
    down, right = np.abs(np.arange(size) - row)[:, None], np.abs(np.arange(size) - column)[None]
    far, near = np.maximum(down, right), np.minimum(down, right)
    inside: dict[str, np.ndarray] = {
        "square": far <= radius,
        "disc": np.hypot(down, right) <= radius,
        "cross": (far <= radius) & (near <= radius // 3),
    }
    return inside[shape]


@SOURCE.register("shapes", "drawn shapes with captions and questions", annotations=("captions", "questions"))
def create(image_size: int = 64, count: int = 1000, background: Literal["white", "black"] = "white") -> AnnotatedSource:
    """Drawn shapes.

    Args:
        image_size: side length of the images, which the experiment gives.
        count: images in each split.
        background: the colour behind the shapes.
    """
    train, test = (Shapes(split, count, image_size, background) for split in SPLITS)
    return AnnotatedSource(train, test)
