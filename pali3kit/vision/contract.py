"""What every vision encoder offers, ours and everyone's."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from pali3kit.errors import ConfigError, first_line
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid

if TYPE_CHECKING:
    from pali3kit.weights.report import LoadReport


class VisionEncoder(nn.Module):
    """Tokens for PaLI, one vector for classifiers.

    Attributes:
        width: D. patch: the pixels a token spans.
        image_spec: how images are prepared for it.
        native_grid: rows and columns of tokens at the resolution that it was built for.
        load_report: where its weights came from, if they came from a file.
    """

    width: int
    patch: int
    image_spec: ImageSpec
    native_grid: Grid
    load_report: LoadReport | None = None

    if TYPE_CHECKING:

        def __call__(self, images: Tensor) -> Tensor: ...

    def forward(self, images: Tensor) -> Tensor:
        """`[B,3,H,W] -> [B,N,D]`, after the last norm, without class and register tokens."""
        raise NotImplementedError

    def pooled(self, images: Tensor) -> Tensor:
        """`[B,3,H,W] -> [B,D]`, what the classifier, SigLIP and the linear probe read."""
        raise NotImplementedError

    def recompute(self, wanted: bool) -> None:
        """Whether blocks compute their activations again in the backward pass, instead of keeping them."""
        raise NotImplementedError

    def grid(self, resolution: int) -> Grid:
        """Rows and columns of tokens at `resolution` pixels. Raises ConfigError where the encoder cannot take it."""
        return square_grid(resolution, self.patch)

    def fitted(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        """Tensors of the same encoder that was built for another `grid`, made to fit this one: its positions."""
        raise NotImplementedError


class Adapter(VisionEncoder):
    """What adapters of other libraries' encoders share. The library's model is the only child of an adapter."""

    def __init__(self, width: int, patch: int, image_spec: ImageSpec, name: str = "this encoder") -> None:
        super().__init__()
        self.width, self.patch, self.image_spec, self.name = width, patch, image_spec, name
        self.native_grid = self.grid(image_spec.size)

    def grid(self, resolution: int) -> Grid:
        try:
            return square_grid(resolution, self.patch)
        except ConfigError as error:
            raise ConfigError([f"{self.name}: {error}"]) from error

    def recompute(self, wanted: bool) -> None:
        """As the library calls it; a library that cannot keeps its activations."""
        (library,) = self.children()
        for name in ("set_grad_checkpointing", "gradient_checkpointing_enable"):
            if wanted and hasattr(library, name):
                with suppress(AssertionError, NotImplementedError, ValueError):  # how libraries say that they cannot
                    getattr(library, name)()
                return

    def demand_contract(self, side: int) -> None:
        """Try on shapes alone, without computing anything, what comes of pictures of `side` pixels.

        Raises ConfigError, naming the model, unless tokens fill the grid and `pooled` is of `width`: many networks give
        something else, and would train without a word.
        """
        rows, columns = square_grid(side, self.patch)
        images = torch.empty(2, 3, side, side, device="meta")
        with torch.no_grad():
            trial = without_numbers(self).eval()
            try:
                tokens, pooled = trial(images), trial.pooled(images)
            except Exception as error:  # whatever the library stumbles over
                raise ConfigError(
                    [f"{self.name} cannot read pictures of {side} pixels: {first_line(error)}"]
                ) from error
        for what, found, wanted in (
            (f"tokens of a grid of {rows}x{columns}", tokens, (2, rows * columns, self.width)),
            ("one vector a picture", pooled, (2, self.width)),
        ):
            if found.shape != wanted:
                shapes = f"{list(found.shape[1:])}, not {list(wanted[1:])}"
                raise ConfigError([f"{self.name} does not give {what} of {side} pixels: {shapes}"])

    def fitted(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        """As they are: positions are resampled at every call."""
        return tensors


Network = TypeVar("Network", bound=nn.Module)


def without_numbers(network: Network) -> Network:
    """A copy on the meta device, whose tensors have shapes and no memory."""
    instead: dict[int, object] = {id(x): nn.Parameter(x.to("meta"), x.requires_grad) for x in network.parameters()}
    instead |= {id(x): x.to("meta") for x in network.buffers()}
    return deepcopy(network, instead)


def demand_pictures(images: Tensor, patch: int) -> None:
    """Raise ValueError unless `images` are `[B,3,H,W]` of which `patch` divides both sides."""
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % patch or images.shape[3] % patch:
        raise ValueError(f"images should be [B,3,H,W] with sides divisible by {patch}, not {list(images.shape)}")


def square_grid(resolution: int, patch: int) -> Grid:
    """Rows and columns of tokens of a square picture. Raises ConfigError unless `patch` divides `resolution`."""
    if resolution % patch:
        near = max(1, round(resolution / patch)) * patch
        raise ConfigError([f"patch {patch} does not divide a resolution of {resolution} pixels; nearest: {near}"])
    return resolution // patch, resolution // patch
