"""The interface of vision encoders, and what adapters of other libraries' encoders share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from pali3kit.errors import ConfigError, first_line
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid

if TYPE_CHECKING:
    from pali3kit.weights.report import LoadReport


class VisionEncoder(nn.Module):
    """Encodes images to tokens for PaLI, and to one pooled vector for classifiers and SigLIP.

    Attributes:
        width: D. patch: side of the square that one token covers, pixels.
        image_spec: the preprocessing of its images.
        native_grid: rows and columns of tokens at the resolution that it was built for.
        load_report: what was loaded, if its weights came from a file.
    """

    width: int
    patch: int
    image_spec: ImageSpec
    native_grid: Grid
    load_report: LoadReport | None = None

    @property
    def transform(self) -> Callable[[Image.Image], Tensor]:
        """The preprocessing of one PIL image, to float32 `[3,H,W]`: the `transform` of a torchvision data set."""
        return self.image_spec.transform

    if TYPE_CHECKING:

        def __call__(self, images: Tensor) -> Tensor: ...

    def forward(self, images: Tensor) -> Tensor:
        """`[B,3,H,W] -> [B,N,D]`, after the last norm, without class and register tokens."""
        raise NotImplementedError

    def pooled(self, images: Tensor) -> Tensor:
        """`[B,3,H,W] -> [B,D]`, the input of the classifier, of SigLIP and of the linear probe."""
        raise NotImplementedError

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Choose whether blocks recompute their activations in the backward pass instead of keeping them."""
        raise NotImplementedError

    def grid(self, resolution: int) -> Grid:
        """Rows and columns of tokens at `resolution` pixels. Raises ConfigError for an unsuitable one."""
        return _square_grid(resolution, self.patch)

    def resample_positions(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        """Convert the state of this encoder on another `grid` to the native grid, by resampling its positions."""
        raise NotImplementedError


class Adapter(VisionEncoder):
    """Base of adapters of other libraries' encoders. The library's model is the only child module of an adapter."""

    def __init__(self, width: int, patch: int, image_spec: ImageSpec, name: str = "this encoder") -> None:
        super().__init__()
        self.width, self.patch, self.image_spec, self.name = width, patch, image_spec, name
        self.native_grid = self.grid(image_spec.size)

    def grid(self, resolution: int) -> Grid:
        try:
            return _square_grid(resolution, self.patch)
        except ConfigError as error:
            raise ConfigError([f"{self.name}: {error}"]) from error

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """By the library's own method; without effect where the library has none."""
        (library,) = self.children()
        for name in ("set_grad_checkpointing", "gradient_checkpointing_enable"):
            if enabled and hasattr(library, name):
                with suppress(AssertionError, NotImplementedError, ValueError):  # not supported
                    getattr(library, name)()
                return

    def require_output_shapes(self, side: int) -> None:
        """Run the encoder on the meta device with images of `side` pixels, to check the shapes of its outputs.

        Raises ConfigError, naming the model, unless tokens fill the grid and `pooled` has `width`. Many networks return
        something else, and would train without an error.
        """
        rows, columns = _square_grid(side, self.patch)
        images = torch.empty(2, 3, side, side, device="meta")
        with torch.no_grad():
            trial = meta_copy(self).eval()
            try:
                tokens, pooled = trial(images), trial.pooled(images)
            except Exception as error:  # the library may raise anything
                raise ConfigError(
                    [f"{self.name} cannot encode images of {side} pixels: {first_line(error)}"]
                ) from error
        for what, found, wanted in (
            (f"tokens of a grid of {rows}x{columns}", tokens, (2, rows * columns, self.width)),
            ("one vector per image", pooled, (2, self.width)),
        ):
            if found.shape != wanted:
                shapes = f"{list(found.shape[1:])}, not {list(wanted[1:])}"
                raise ConfigError([f"{self.name} does not give {what} for images of {side} pixels: {shapes}"])

    def resample_positions(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        """Return them unchanged: the library resamples positions at every call."""
        return tensors


Network = TypeVar("Network", bound=nn.Module)


def meta_copy(network: Network) -> Network:
    """A copy on the meta device, whose tensors have shapes but no memory."""
    memo: dict[int, object] = {id(x): nn.Parameter(_meta(x), x.requires_grad) for x in network.parameters()}
    memo |= {id(x): _meta(x) for x in network.buffers()}
    return deepcopy(network, memo)


def _meta(tensor: Tensor) -> Tensor:
    """A new tensor of the same shape: one of inference mode, which has no gradients, would stay itself by `to`."""
    return torch.empty_like(tensor, device="meta")


def freeze_unread(vision: VisionEncoder) -> None:
    """Freeze the parameters that no token depends on: weight decay would shrink them, and DDP would wait for their
    gradients forever. Raises ConfigError as `unread_parameters`.
    """
    own = dict(vision.named_parameters())
    for name in unread_parameters(vision):
        own[name].requires_grad_(False)


def unread_parameters(vision: VisionEncoder) -> set[str]:
    """The names of parameters that no token depends on, such as a head's.

    They are found on the meta device, where nothing is computed. Raises ConfigError for encoders that cannot run there.
    """
    side = vision.image_spec.size
    try:
        with torch.inference_mode(False), torch.enable_grad():  # stages without gradients build encoders too
            trial = meta_copy(vision).eval().requires_grad_()
            named = dict(trial.named_parameters())
            tokens = trial(torch.empty(1, 3, side, side, device="meta"))
            gradients = torch.autograd.grad(tokens.sum(), list(named.values()), allow_unused=True)
    except RuntimeError as error:
        kind = type(vision).__name__
        raise ConfigError([f"the encoder {kind} cannot run on the meta device: {first_line(error)}"]) from error
    return {name for name, gradient in zip(named, gradients, strict=True) if gradient is None}


def _square_grid(resolution: int, patch: int) -> Grid:
    """Rows and columns of tokens of a square image. Raises ConfigError unless `patch` divides `resolution`."""
    if resolution % patch:
        near = max(1, round(resolution / patch)) * patch
        raise ConfigError([f"patch {patch} does not divide a resolution of {resolution} pixels; nearest: {near}"])
    return resolution // patch, resolution // patch
