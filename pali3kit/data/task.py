"""What a task makes: images, a prompt and a target, whatever data set they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import numpy as np

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """One example to train on or to evaluate.

    Attributes:
        images: numbers of its images in their split, in the order in which the model reads them (several views, the
            frames of a video); empty where the example is about text alone.
        references: the texts that a metric compares an answer with.
        box, mask: the region that is asked for, on the only image: (y0, x0, y1, x1) in pixels, half open, and bool
            `[H,W]`. The target's text is then the box; a mask tokenizer appends its mask tokens (`data.regions`).
        id: of the question or, for a caption, of the image, in a data set that has them.
        hidden: the answers are not public, so that it can be answered and not scored: there are no references.
        free: any answer is scored, by itself: there is no target, and there are no references.
        ocr_words: how many words of an OCR system are in the prompt, and how many were left out; None without OCR.
        group: the part of the data set that scores are told of apart; "" where there are none.
        attributes: what is known of the record, by which scores may be sliced: `{"age": "20-29"}`.
    """

    images: tuple[int, ...]
    prompt: str
    target: str
    references: tuple[str, ...] = ()
    language: str = "en"
    box: Box | None = None
    mask: np.ndarray | None = None
    id: int | str | None = None
    hidden: bool = False
    ocr_words: tuple[int, int] | None = None
    group: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    free: bool = False


class Task(Protocol):
    """Makes examples from the images of a split."""

    name: str

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        """An example whose first image is number `index`, or None where there is none for this image.

        An example about text alone has no images, and is drawn from what is known of image `index`.
        """
        ...

    def where(self, split: str, count: int) -> Sequence[range]:
        """Ranges of the first `count` image numbers that may have an example, so that sampling rejects few of them.

        All images of an example must be among the first `count`.
        """
        ...


def held_out(task: Task, split: str, count: int, limit: int, seed: int, start: int = 0) -> list[Example]:
    """Up to `limit` examples on the images from `start` to `count`, in order, each from its own random stream."""
    return list(_take(task, split, count, limit, seed, start))


def _take(task: Task, split: str, count: int, limit: int, seed: int, start: int) -> Iterator[Example]:
    taken = 0
    for index in chain.from_iterable(task.where(split, count)):
        if taken == limit:
            return
        if index < start:
            continue
        example = task.draw(split, index, np.random.default_rng([seed, index]))
        if example is not None:
            taken += 1
            yield example
