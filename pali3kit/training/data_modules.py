"""LightningDataModules whose batches are pure functions of the seed, the step and the position in the batch.

`batch_size` is that of an optimizer step: the trainer's ranks and the batches whose gradients it accumulates share it.
So a training sees the same examples on any number of devices, and after `fit(..., ckpt_path=...)` those that it would
have seen without the interruption. Nothing is shuffled and there are no epochs: `max_steps` ends the training.

Samples that cannot be used are replaced by others. They and what is wrong with whole files are logged as warnings of
the logger `pali3kit`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import lightning as L

from pali3kit.data.mixture import Mixture
from pali3kit.data.source import Source
from pali3kit.errors import DataError, Pali3Error
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.joint import mixture_batches, pixel_images
from pali3kit.training.loader import MakeBatch, load_batches
from pali3kit.training.microbatches import part
from pali3kit.training.pretraining_images import PretrainingImages
from pali3kit.training.stream import Stream
from pali3kit.vision.contract import VisionEncoder

_LOGGER = logging.getLogger("pali3kit")


class _StepDataModule(L.LightningDataModule):
    """Batches by step. Subclasses define `batches`."""

    def __init__(self, source: Source, batch_size: int, num_workers: int) -> None:
        super().__init__()
        self.source, self.batch_size, self.num_workers = source, batch_size, num_workers

    def batches(self, rank: int, ranks: int, count: int) -> MakeBatch:
        """From a step to the `count` batches of a rank whose gradients are accumulated."""
        raise NotImplementedError

    def train_dataloader(self) -> _Loader:
        """The batches from the trainer's step on; without a trainer all of them, whole."""
        return _Loader(self)


class _Loader:
    """The batches of a data module, from the step at which the trainer is when it begins to read."""

    def __init__(self, data: _StepDataModule) -> None:
        self.data = data

    def __iter__(self) -> Iterator[dict[str, Any]]:
        data, trainer = self.data, self.data.trainer
        step, rank, ranks, count = 0, 0, 1, 1
        if trainer is not None:
            step, rank, ranks = trainer.global_step, trainer.global_rank, trainer.world_size
            count = trainer.accumulate_grad_batches
        if data.batch_size % (ranks * count):
            parts = f"{ranks} ranks x {count} accumulated batches"
            raise DataError(f"batch_size {data.batch_size} is that of a step: it cannot be divided by {parts}")
        for damage in data.source.damages:  # tars are read for it: before processes are forked, that none does it again
            _LOGGER.warning("damaged: %s", damage)
        make = data.batches(rank, ranks, count)
        for batch in load_batches(make, step, sys.maxsize, data.num_workers):
            if isinstance(batch, Pali3Error):
                raise batch
            assert isinstance(batch, dict)
            for line in batch.pop("skipped", ()):
                _LOGGER.warning("skipped: %s", line)
            yield batch


class MixtureDataModule(_StepDataModule):
    """Batches for `PaLIModule`: a mixture of a source's tasks by weight.

    `images` uint8 `[B,F,3,H,W]`, `prompts`, `prompt_mask`, `targets`, `target_mask`, where needed `image_mask`
    (`data.batch.collate`), and `step_tokens` and `parts`, by which every target token of a step weighs the same.

    Args:
        source: of the images and tasks.
        tasks: weights by the tasks' names; they need not sum to 1.
        vision: the encoder whose `image_spec` the images are prepared with.
        tokenizer: of prompts and targets.
        batch_size: examples of a step.
        images: how many of the training split's images are used, the first ones.
        seed: of all choices.
        prompt_length, target_length: the largest ones, in tokens; longer texts are cut.
        bins: steps in which the coordinates of boxes are written.
        mask_tokenizer: makes the mask tokens of regions; None: targets have boxes alone.
        num_workers: processes that prepare batches.

    Raises:
        RegistryError: the source has no such task.
        DataError: a task has no example, or, when batches are read, `batch_size` cannot be divided, or the images of
            100 examples in a row cannot be read.
    """

    def __init__(
        self,
        source: Source,
        tasks: Mapping[str, float],
        vision: VisionEncoder,
        tokenizer: Tokenizer,
        batch_size: int,
        *,
        images: int,
        seed: int = 0,
        prompt_length: int = 32,
        target_length: int = 32,
        bins: int = 1000,
        mask_tokenizer: MaskVQVAE | None = None,
        num_workers: int = 0,
    ) -> None:
        super().__init__(source, batch_size, num_workers)
        # sorted, so that their order makes no difference
        weighted = {name: (source.task(name, bins), weight) for name, weight in sorted(tasks.items()) if weight > 0}
        mixture = Mixture(weighted, "train", images, seed)
        self.stream = Stream(mixture, pixel_images(source, images, vision), mask_tokenizer, source.skips)
        self.tokenizer, self.lengths = tokenizer, (prompt_length, target_length)

    def batches(self, rank: int, ranks: int, count: int) -> MakeBatch:
        mine = part(range(self.batch_size), rank, ranks)
        return mixture_batches(self.stream, mine, self.tokenizer, self.lengths, count)


class PretrainingDataModule(_StepDataModule):
    """Batches for the pretraining of an encoder: with a `tokenizer` for `SigLIPModule`, without for `ClassifierModule`.

    `images` uint8 `[B,3,H,W]` and either `ids` int64 `[B,text_length]`, one text of each image, or `labels` float32
    `[B,C]` of 0 and 1 for the source's C classes. The source is an endless stream, of which every seed has its own
    range. A union is narrowed to its parts with texts, or with labels.

    Args:
        source: of the images, with their texts or labels.
        vision: the encoder whose `image_spec` the images are prepared with.
        batch_size: images of a step.
        tokenizer: of the texts; None for labels.
        text_length: of a text, in tokens.
        seed: chooses images, texts and views.
        crop: random views show at least this share of an image; 1: all of it.
        flip: whether half of the views are mirrored.
        num_workers: processes that prepare batches.

    Raises:
        DataError: when batches are read, `batch_size` cannot be divided, or 100 samples in a row cannot be used.
    """

    def __init__(
        self,
        source: Source,
        vision: VisionEncoder,
        batch_size: int,
        *,
        tokenizer: Tokenizer | None = None,
        text_length: int = 32,
        seed: int = 0,
        crop: float = 1.0,
        flip: bool = False,
        num_workers: int = 0,
    ) -> None:
        source = source.telling("labels" if tokenizer is None else "texts")
        super().__init__(source, batch_size, num_workers)
        self.images = PretrainingImages(source, vision.image_spec, seed, batch_size, crop, flip)
        self.tokenizer, self.text_length = tokenizer, text_length

    def batches(self, rank: int, ranks: int, count: int) -> MakeBatch:
        tokenizer, classes = self.tokenizer, len(self.images.source.classes)
        parts = [replace(self.images, rank=rank * count + i, ranks=ranks * count) for i in range(count)]
        if tokenizer is None:
            return lambda step: [images.with_labels(step, classes) for images in parts]
        return lambda step: [images.with_texts(step, tokenizer, self.text_length) for images in parts]
