"""What a step of PaLI's training sees: a mixture's examples with their pictures, bad ones replaced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pali3kit.data.mixture import Mixture
from pali3kit.data.records import Skips
from pali3kit.data.regions import add_mask_tokens
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.nn.positions import Grid
from pali3kit.training.pictures import ATTEMPTS
from pali3kit.vision.contract import VisionEncoder


@dataclass(frozen=True)
class Sight:
    """How a batch gets its pictures: `read` leads from a number to `[1,...]`, of which the batch holds many as `name`.

    There are `count` pictures, with a `grid` of tokens of `width` each; `bad` ones could not be read, and `read` raises
    DataError for others that cannot. `vision` is the encoder, where none of its tokens are kept: it then sees every
    batch.
    """

    name: str
    read: Callable[[int], Tensor]
    count: int
    grid: Grid
    width: int
    vision: VisionEncoder | None = None
    bad: Collection[int] = frozenset()


@dataclass
class Drawn:
    """The `examples` of a step as the mixture gave them, and for those of one rank what it found when it looked.

    `replaced` are the examples instead of those with a bad picture, by position; `pictures` are by their number;
    `skipped` says what could not be used.
    """

    examples: list[Example]
    replaced: dict[int, Example] = field(default_factory=dict)
    pictures: dict[int, Tensor] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def seen(self, index: Tensor) -> Tensor:
        """The pictures `[B,...]` of numbers `[B]`."""
        return torch.cat([self.pictures[number] for number in index.tolist()])


@dataclass(frozen=True)
class Stream:
    """Draws the examples of a step and reads the pictures of some: a pure function of the seed, the step and the files.

    An example whose picture cannot be read is replaced by another one of its task, drawn from a stream of its own for
    this position. So the batch keeps its size, no other example changes, and a rank needs to read its own only:
    whatever the ranks, passes and interruptions, a position holds the same example.

    Args:
        size: examples of a step, of all ranks together.
        masks: writes the mask tokens of regions, where there are any.
        skips: what the source notes while it draws.
    """

    mixture: Mixture
    size: int
    sight: Sight
    masks: MaskVQVAE | None = None
    skips: Skips | None = None

    def draw(self, step: int, mine: Sequence[int], first: bool = True) -> Drawn:
        """The examples of `step`, and the pictures of those at the positions `mine`.

        All ranks draw all examples: what the source notes on the way is `skipped` by the `first` of them alone.

        Raises:
            DataError: the pictures of 100 examples in a row cannot be read.
        """
        drawn = Drawn(self._completed(self.mixture.batch(step, self.size)))
        noted = self._noted()
        drawn.skipped += noted if first else []
        for position in mine:
            self._look(drawn, step, position)
        return drawn

    def _look(self, drawn: Drawn, step: int, position: int) -> None:
        """Read the picture at a position, or that of the first example instead of it that has a good one."""
        example = drawn.examples[position]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if example.image not in drawn.pictures:
                    drawn.pictures[example.image] = self.sight.read(example.image)
                return
            except DataError as error:
                drawn.skipped.append(str(error))
            [example] = self._completed([self.mixture.instead(step, self.size, position, attempt)])
            drawn.replaced[position] = example
            drawn.skipped += self._noted()
        raise DataError(f"{ATTEMPTS} pictures in a row cannot be read; the last: {drawn.skipped[-1]}")

    def _completed(self, examples: list[Example]) -> list[Example]:
        return examples if self.masks is None else add_mask_tokens(examples, self.masks)

    def _noted(self) -> list[str]:
        return [] if self.skips is None else self.skips.taken()
