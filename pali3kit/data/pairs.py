"""Pairs of images and texts in tar shards of WebDataset's layout, with optional labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.beside import read_captions
from pali3kit.data.order import BlockOrder
from pali3kit.data.record import Record
from pali3kit.data.records import Order
from pali3kit.data.sample import Sample
from pali3kit.data.shard_index import ShardIndex
from pali3kit.data.shard_names import expand_shards
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.storage.remote import AnyPath
from pali3kit.text.plain import decode_text

IMAGES = ("jpg", "png", "jpeg", "webp", "gif", "bmp", "tif", "tiff")  # open_clip's first, in its order


class _PairRecords:
    """Samples with an image (`.jpg`, `.png`, `.webp`, ...), captions (the lines of `.txt`, or `caption`, `captions` or
    `text` in `.json`, a text or a list), and labels (`.cls`: whole numbers below `classes`, apart by spaces).
    """

    version = 2
    image_counts = None  # one image each
    TEXTS = "a text is NAME.txt, or caption or text in NAME.json, beside NAME.jpg in the shard"

    def __init__(self, shards: Sequence[AnyPath], classes: int, language: str = "en") -> None:
        self.files: Sequence[AnyPath] = shards
        self.languages = (language,)
        self.classes = tuple(str(number) for number in range(classes))

    @cached_property
    def samples(self) -> ShardIndex:
        """Indexed when the first sample is read: planning a run reads none."""
        return ShardIndex(self.files)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def damages(self) -> list[str]:
        """What is wrong with damaged shards."""
        return list(self.samples.damages)

    def record(self, number: int) -> Record:
        """A sample with a text."""
        captions = self.captions(number)
        if not captions:
            raise DataError(
                f"{self.name(number)}: no text in it, but {', '.join(sorted(self.samples[number].members))}"
            )
        return Record(self.name(number), partial(self.image_bytes, number), captions={self.languages[0]: captions})

    def name(self, number: int) -> str:
        return _name(self.samples[number])

    def image_bytes(self, number: int) -> bytes:
        sample = self.samples[number]
        ending = next((ending for ending in IMAGES if ending in sample.members), None)
        if ending is None:
            raise DataError(f"{_name(sample)}: no image, but {', '.join(sorted(sample.members))}")
        return sample.read(ending)

    def captions(self, number: int) -> tuple[str, ...]:
        sample = self.samples[number]
        return read_captions(lambda ending: sample.read(ending) if ending in sample.members else None, _name(sample))

    def text(self, number: int) -> str:
        """One of the captions."""
        captions = self.captions(number)
        return captions[number % len(captions)] if captions else ""

    def labels(self, number: int) -> tuple[int, ...]:
        sample = self.samples[number]
        data = sample.read("cls")
        try:
            words = decode_text(data).split()
        except ValueError:
            words = []
        known = [word.isascii() and word.isdigit() and len(word) < 19 for word in words]
        labels = tuple(map(int, words)) if known and all(known) else (len(self.classes),)
        if max(labels) >= len(self.classes):
            written = data[:40].decode(errors="replace")
            raise DataError(f"{_name(sample)}: labels '{written}' are no numbers below {len(self.classes)}")
        return labels


@SOURCE.register("pairs", "tar shards of images and texts", annotations=("captions", "labels"))
class PairSource(AnnotatedSource):
    """The registry's `pairs`.

    Args:
        path: a shard, or several as `shards/{000..127}.tar` or `shards/*.tar`.
        classes: number of classes of the labels; 0 where there are no labels.
        language: code of the texts' language.
        filter: drop texts of poor quality from the tasks.
        test: shards of the test split, named as `path`.
        image_size: ignored: images are as large as they are, and encoders fit them.
        window: so many shards are shuffled together, for sources that are too large to shuffle all images of; 0: all.
    """

    def __init__(
        self,
        path: str,
        classes: int = 0,
        language: str = "en",
        filter: bool = False,
        test: str | None = None,
        image_size: int = 0,
        window: int = 0,
    ) -> None:
        if window < 0:
            raise DataError(f"window should be a number of shards, not {window}")
        self.window = window
        self.pairs = _PairRecords(expand_shards(path), classes, language)
        held = _PairRecords(expand_shards(test), classes, language) if test else None
        super().__init__(self.pairs, held, filter)
        self.splits = {"train": self.pairs} if held is None else {"train": self.pairs, "test": held}

    @property
    def by_windows(self) -> bool:
        return self.window > 0

    def _shuffled(self, rng: np.random.Generator) -> Order:
        return BlockOrder(self.pairs.samples.sizes, self.window, rng) if self.window else super()._shuffled(rng)

    def _permutation(self, rng: np.random.Generator) -> Iterable[int]:
        return BlockOrder(self.pairs.samples.sizes, self.window, rng) if self.window else super()._permutation(rng)


def _name(sample: Sample) -> str:
    return f"{sample.shard}: sample {sample.key}"
