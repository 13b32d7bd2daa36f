"""The examples of a training step of PaLI with their images; examples with unreadable images are replaced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pali3kit.data.batch import ABSENT, place_images
from pali3kit.data.mixture import Mixture
from pali3kit.data.records import Skips
from pali3kit.data.regions import add_mask_tokens
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.nn.positions import Grid
from pali3kit.training.pretraining_images import ATTEMPTS
from pali3kit.vision.contract import VisionEncoder


@dataclass(frozen=True)
class ImageSource:
    """Where a batch gets its images, as pixels or as cached tokens of the frozen encoder.

    Attributes:
        name: of the tensor in the batch: "images" or "tokens".
        read: from an image's number to `[1, *shape]`, pixels as uint8. Raises DataError where it cannot be read.
        shape: `(3,H,W)` of pixels, or `(N,D)` of tokens.
        count: how many images there are.
        grid: rows and columns of an image's tokens.
        vision: the encoder that is run on every batch; None where its tokens are cached.
        bad: numbers of images of which it is known that they cannot be read.
    """

    name: str
    read: Callable[[int], Tensor]
    shape: tuple[int, ...]
    count: int
    grid: Grid
    vision: VisionEncoder | None = None
    bad: Collection[int] = frozenset()

    @property
    def width(self) -> int:
        """Of the visual tokens."""
        return self.shape[-1] if self.vision is None else self.vision.width

    def stack(self, numbers: Tensor, images: Mapping[int, Tensor]) -> Tensor:
        """Images by their numbers `[B,F]` as one tensor `[B,F,*shape]`, zeros where one is absent."""
        there = numbers != ABSENT
        found = [images[number] for number in numbers[there].tolist()]
        return place_images(torch.cat(found) if found else torch.zeros(0, *self.shape), there)


@dataclass
class _Drawn:
    """The examples at some positions of a step.

    Attributes:
        examples: in the order of the positions.
        images: theirs, by number.
        skipped: what could not be used, one line each.
    """

    examples: list[Example] = field(default_factory=list)
    images: dict[int, Tensor] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stream:
    """Draws examples of a step and reads their images: a pure function of the seed, step, position and the files.

    An example with an image that cannot be read is replaced by another example of its task, drawn from a random stream
    of its own for this position. So the batch keeps its size and no other example changes. A rank draws and reads its
    own positions only: each holds the same example for any number of ranks and microbatches and after any interruption.

    Args:
        mask_tokenizer: makes the mask tokens of regions, where there are any.
        skips: where the source records what it cannot use.
    """

    mixture: Mixture
    image_source: ImageSource
    mask_tokenizer: MaskVQVAE | None = None
    skips: Skips | None = None

    def draw(self, step: int, positions: Sequence[int]) -> _Drawn:
        """The examples at some positions of `step`, with their images.

        Raises:
            DataError: the images of 100 examples in a row cannot be read.
        """
        drawn = _Drawn()
        for position in positions:
            drawn.examples.append(self._usable(drawn, step, position))
        if self.mask_tokenizer is not None:
            drawn.examples = add_mask_tokens(drawn.examples, self.mask_tokenizer)
        return drawn

    def _usable(self, drawn: _Drawn, step: int, position: int) -> Example:
        """The example at a position, or its first replacement whose images can be read; they are added to `drawn`."""
        for attempt in range(ATTEMPTS):
            example = self.mixture.example(step, position, attempt)
            if self.skips is not None:
                drawn.skipped += self.skips.drain()
            try:
                for number in example.images:
                    if number not in drawn.images:
                        drawn.images[number] = self.image_source.read(number)
                return example
            except DataError as error:
                drawn.skipped.append(str(error))
        raise DataError(f"{ATTEMPTS} images in a row cannot be read; the last: {drawn.skipped[-1]}")
