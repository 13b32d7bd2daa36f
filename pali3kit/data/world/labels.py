"""Labels as web data has them: few of an image, and some of them wrong.

JFT-300M has 375M labels for its 300M images, about 20% of them wrong (Sun et al. 2017, arXiv:1707.02968, section 3).
"""

from __future__ import annotations

import numpy as np

from pali3kit.data.world.scene import Scene, SceneThing

MEAN_THINGS = 2.24  # different things of a scene, measured over 4,000 scenes with 40, 64 and 128 objects


def present(scene: Scene) -> tuple[str, ...]:
    """The different emoji of a scene, the most prominent one, which has the largest box, first."""
    return tuple(dict.fromkeys(thing.emoji for thing in sorted(scene.things, key=_area, reverse=True)))


def sample_labels(things: tuple[str, ...], mean: float, rng: np.random.Generator) -> tuple[str, ...]:
    """The first of `things`, and each other with a probability that gives scenes `mean` labels on average."""
    probability = (mean - 1) / (MEAN_THINGS - 1)
    return things[:1] + tuple(thing for thing in things[1:] if rng.random() < probability)


def corrupt_labels(labels: tuple[int, ...], wrong: float, classes: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Each of `labels` with probability `wrong` replaced by another one of `classes`, all as probable."""
    shifts = [int(rng.integers(1, max(classes, 2))) if rng.random() < wrong else 0 for _ in labels]
    return tuple((label + shift) % classes for label, shift in zip(labels, shifts, strict=True))


def _area(thing: SceneThing) -> int:
    y0, x0, y1, x1 = thing.box
    return (y1 - y0) * (x1 - x0)
