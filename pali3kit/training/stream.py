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
class _StepExamples:
    """The examples of a step, and the images of those at some positions.

    Attributes:
        examples: as the mixture drew them.
        replaced: by position, the examples that take the place of those with an unreadable image.
        images: those that were read, by number.
        skipped: what could not be used, one line each.
    """

    examples: list[Example]
    replaced: dict[int, Example] = field(default_factory=dict)
    images: dict[int, Tensor] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stream:
    """Draws the examples of a step and reads the images of some: a pure function of the seed, the step and the files.

    An example with an image that cannot be read is replaced by another example of its task, drawn from a random stream
    of its own for this position. So the batch keeps its size, no other example changes, and a rank reads only its own
    images: a position holds the same example for any number of ranks and microbatches and after any interruption.

    Args:
        size: examples of a step, of all ranks together.
        mask_tokenizer: makes the mask tokens of regions, where there are any.
        skips: where the source records what it cannot use.
    """

    mixture: Mixture
    size: int
    image_source: ImageSource
    mask_tokenizer: MaskVQVAE | None = None
    skips: Skips | None = None

    def draw(self, step: int, mine: Sequence[int], first: bool = True) -> _StepExamples:
        """The examples of `step`, and the images of those at the positions `mine`.

        All ranks draw all examples; only the `first` rank reports what the source skipped in doing so.

        Raises:
            DataError: the images of 100 examples in a row cannot be read.
        """
        found = _StepExamples(self._completed(self.mixture.batch(step, self.size)))
        skipped = self._skipped()
        found.skipped += skipped if first else []
        for position in mine:
            self._read(found, step, position)
        return found

    def _read(self, found: _StepExamples, step: int, position: int) -> None:
        """Read the images of the example at a position, or of the first replacement whose images can be read."""
        example = found.examples[position]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                for number in example.images:
                    if number not in found.images:
                        found.images[number] = self.image_source.read(number)
                return
            except DataError as error:
                found.skipped.append(str(error))
            [example] = self._completed([self.mixture.instead(step, self.size, position, attempt)])
            found.replaced[position] = example
            found.skipped += self._skipped()
        raise DataError(f"{ATTEMPTS} images in a row cannot be read; the last: {found.skipped[-1]}")

    def _completed(self, examples: list[Example]) -> list[Example]:
        return examples if self.mask_tokenizer is None else add_mask_tokens(examples, self.mask_tokenizer)

    def _skipped(self) -> list[str]:
        return [] if self.skips is None else self.skips.drain()
