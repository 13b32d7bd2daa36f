"""The plain ViT of big_vision: patches, learned positions, pre-LN blocks (Zhai et al. 2022a)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pali3kit.config.shapes import VitShape
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid, resize_table
from pali3kit.nn.transformer import TransformerEncoder
from pali3kit.vision.contract import VisionEncoder
from pali3kit.vision.heads import build_head


class ViT(VisionEncoder):
    """A vision encoder of any size.

    Args:
        image_size: side length of the native resolution, pixels.
        size: a named shape such as `"B/16"` or `"G/14"`, instead of the five numbers.
        width, depth, heads, mlp, patch: the shape, if it has no name.
        head: how `pooled` makes one vector: `"map"`, `"gap"`, or `"token"`, a class token before the patches as in the
            first ViT (Dosovitskiy et al. 2021).

    At another resolution the position table is resampled from the native grid. The class token has no position of its
    own: where a file has one, loading adds it to the token.
    """

    def __init__(
        self,
        image_size: int,
        size: str | None = None,
        width: int | None = None,
        depth: int | None = None,
        heads: int | None = None,
        mlp: int | None = None,
        patch: int | None = None,
        head: str = "map",
    ) -> None:
        super().__init__()
        self.shape = shape = VitShape.of(size, width=width, depth=depth, heads=heads, mlp=mlp, patch=patch)
        self.width, self.patch = shape.width, shape.patch
        self.image_spec = ImageSpec(image_size)
        self.native_grid = self.grid(image_size)
        self.embed = nn.Conv2d(3, shape.width, shape.patch, stride=shape.patch)
        positions = self.native_grid[0] * self.native_grid[1]
        self.positions = nn.Parameter(torch.randn(1, positions, shape.width) * shape.width**-0.5)
        self.encoder = TransformerEncoder(shape.width, shape.depth, shape.heads, shape.mlp)
        self.class_token = nn.Parameter(torch.zeros(1, 1, shape.width)) if head == "token" else None
        self.head = build_head(head, shape.width, shape.heads, shape.mlp)
        _initialise_patches(self.embed)

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        self.encoder.gradient_checkpointing = enabled

    def resample_positions(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        return {**tensors, "positions": resize_table(tensors["positions"], grid, self.native_grid)}

    def forward(self, images: Tensor) -> Tensor:
        """`[B,3,H,W] -> [B,N,D]`, after the last norm and before pooling, without class token: PaLI's visual tokens."""
        tokens = self._encode(images)
        return tokens if self.class_token is None else tokens[:, 1:]

    def pooled(self, images: Tensor) -> Tensor:
        vector: Tensor = self.head(self._encode(images))
        return vector

    def _encode(self, images: Tensor) -> Tensor:
        """`[B,3,H,W] -> [B,N,D]`, or `[B,1+N,D]` with the class token first."""
        _require_images(images, self.patch)
        patches: Tensor = self.embed(images)
        grid = (patches.shape[-2], patches.shape[-1])
        x = patches.flatten(2).transpose(1, 2)
        x = x + resize_table(self.positions, self.native_grid, grid)
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(len(x), -1, -1), x], 1)
        tokens: Tensor = self.encoder(x)
        return tokens


@torch.no_grad()
def _initialise_patches(embed: nn.Conv2d) -> None:
    """Lecun-normal over a patch, zero bias: flax's default for a convolution."""
    fan_in = embed.in_channels * embed.kernel_size[0] * embed.kernel_size[1]
    nn.init.trunc_normal_(embed.weight, std=fan_in**-0.5)
    if embed.bias is not None:
        nn.init.zeros_(embed.bias)


def _require_images(images: Tensor, patch: int) -> None:
    """Raise ValueError unless `images` are `[B,3,H,W]` with sides that `patch` divides."""
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % patch or images.shape[3] % patch:
        raise ValueError(f"images should be [B,3,H,W] with sides divisible by {patch}, not {list(images.shape)}")
