"""What every vision encoder offers, ours and everyone's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from pali3kit.errors import ConfigError
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

    def __init__(self, width: int, patch: int, image_spec: ImageSpec) -> None:
        super().__init__()
        self.width, self.patch, self.image_spec = width, patch, image_spec
        self.native_grid = self.grid(image_spec.size)

    def recompute(self, wanted: bool) -> None:
        """As the library calls it; a library that cannot keeps its activations."""
        (library,) = self.children()
        for name in ("set_grad_checkpointing", "gradient_checkpointing_enable"):
            if wanted and hasattr(library, name):
                getattr(library, name)()
                return

    def fitted(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        """As they are: positions are resampled at every call."""
        return tensors


def demand_pictures(images: Tensor, patch: int) -> None:
    """Raise ValueError unless `images` are `[B,3,H,W]` of which `patch` divides both sides."""
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % patch or images.shape[3] % patch:
        raise ValueError(f"images should be [B,3,H,W] with sides divisible by {patch}, not {list(images.shape)}")


def square_grid(resolution: int, patch: int) -> Grid:
    """Rows and columns of tokens of a square picture. Raises ConfigError unless `patch` divides `resolution`."""
    if resolution % patch:
        raise ConfigError([f"patch {patch} does not divide a resolution of {resolution} pixels"])
    return resolution // patch, resolution // patch
