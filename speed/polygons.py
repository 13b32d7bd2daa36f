"""Our masks of COCO's polygons against pycocotools', in an image of 480x640: equal pixels, and milliseconds a mask.

Outlines are random, roughly round stars about the middle, with different numbers of points and parts and different
sizes. Ours is timed from a parsed JSON list to a bool mask, including validation, as a reader calls it; theirs is
`COCO.annToMask`: `frPyObjects`, `merge`, `decode`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from statistics import median

import numpy as np
from _common import interleaved, paired_ratio, print_setup, print_table
from pycocotools import mask as coco

from pali3kit.data.readers.coco_instances import _read_mask

HEIGHT, WIDTH = 480, 640
SHAPES = {  # points, parts, size relative to the sides
    "12 points, small": (12, 1, 0.05),
    "30 points, a quarter": (30, 1, 0.5),
    "30 points, most of it": (30, 1, 0.95),
    "60 points, most of it": (60, 1, 0.95),
    "200 points, most of it": (200, 1, 0.95),
    "8 parts of 30 points, a quarter each": (30, 8, 0.5),
}
MASKS = 20  # of each shape, drawn in each round


def outline(points: int, share: float, rng: np.random.Generator) -> list[float]:
    """x0, y0, x1, y1, ... with two decimals, as COCO has them."""
    angles = np.sort(rng.random(points)) * 2 * np.pi
    radius = share / 2 * (0.7 + 0.3 * rng.random(points))
    x, y = WIDTH * (0.5 + radius * np.cos(angles)), HEIGHT * (0.5 + radius * np.sin(angles))
    numbers: list[float] = np.stack([x, y], axis=1).round(2).ravel().tolist()
    return numbers


def ours(shape: list[list[float]]) -> np.ndarray:
    return _read_mask(shape, (HEIGHT, WIDTH), "here")


def theirs(shape: list[list[float]]) -> np.ndarray:
    mask: np.ndarray = coco.decode(coco.merge(coco.frPyObjects(shape, HEIGHT, WIDTH)))
    return mask


def each(draw: Callable[[list[list[float]]], np.ndarray], shapes: list[list[list[float]]]) -> None:
    for shape in shapes:
        draw(shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    print(f"pycocotools {version('pycocotools')}", end=", ")
    print_setup("numpy")
    rng, rows = np.random.default_rng(0), []
    for name, (points, parts, share) in SHAPES.items():
        shapes = [[outline(points, share, rng) for _ in range(parts)] for _ in range(MASKS)]
        assert all((ours(shape) == theirs(shape)).all() for shape in shapes)
        calls = {"pali3kit": partial(each, ours, shapes), "pycocotools": partial(each, theirs, shapes)}
        seconds = interleaved(calls, arguments.rounds, warm_up=2)
        for by, taken in seconds.items():
            ratio = paired_ratio(taken, seconds["pycocotools"])
            rows.append([name, by, f"{median(taken) / MASKS * 1e3:.3f}", f"{ratio:.2f}"])
    print_table(["polygons", "by", "ms a mask", "time / pycocotools"], rows)


if __name__ == "__main__":
    main()
