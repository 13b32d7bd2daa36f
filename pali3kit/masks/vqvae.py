"""The mask tokenizer: a VQ-VAE that encodes a 64x64 mask as 16 of 128 codes.

Architecture and loss are those of "All in Tokens" (Ning et al. 2023), as in PaLI-3 (paper.md §4.3). Layers are in the
order of that paper's published weights. Shape letters: B batch, C width of a code, K number of codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import embedding, mse_loss, one_hot

from pali3kit.errors import DataError
from pali3kit.nn.precision import without_autocast

if TYPE_CHECKING:
    from pali3kit.weights.report import LoadReport

SIDE = 64  # pixels of a mask
CODES_PER_MASK = 16  # 4x4 in row-major order
_HALVINGS = 4


@dataclass(frozen=True, slots=True)
class _MaskOutput:
    """`reconstruction [B,1,64,64]`, about -1 outside the mask and 1 inside (the threshold is 0); `codes [B,16]`.

    `loss` is the sum of two scalars: the mean squared `reconstruction_loss`, and the weighted `commitment_loss`.
    """

    reconstruction: Tensor
    codes: Tensor
    reconstruction_loss: Tensor
    commitment_loss: Tensor

    @property
    def loss(self) -> Tensor:
        return self.reconstruction_loss + self.commitment_loss


class MaskVQVAE(nn.Module):
    """An encoder to 4x4 vectors, the nearest code of each, and a decoder.

    `load_report` describes the pretrained weights, if some were loaded.

    Args:
        codes: K.
        code_width: C.
        width: channels after the first convolution; each of the next three doubles them.
        blocks: residual blocks in the encoder, and as many in the decoder.
        spread: standard deviation of the initial codes. With the paper's 1 they are far apart compared to the encoder's
            first outputs, and a short training then uses only two or three of them; with 0.1 it uses more.
        commitment: weight of the commitment loss, which keeps the encoder's outputs near the codes.
    """

    def __init__(
        self,
        codes: int = 128,
        code_width: int = 512,
        width: int = 16,
        blocks: int = 2,
        spread: float = 1.0,
        commitment: float = 0.25,
    ) -> None:
        super().__init__()
        self.commitment = commitment
        self.load_report: LoadReport | None = None
        widths = [width << i for i in range(_HALVINGS)]
        self.encoder = nn.Sequential(
            *_downsampling([1, *widths]), *_residuals(widths[-1], blocks), nn.Conv2d(widths[-1], code_width, 1)
        )
        self.codebook = _Codebook(codes, code_width, spread)
        self.decoder = nn.Sequential(
            nn.Conv2d(code_width, widths[-1], 1),
            nn.ReLU(),
            *_residuals(widths[-1], blocks),
            *_upsampling([widths[-1], *reversed(widths)]),
            nn.Conv2d(width, 1, 1),
        )

    def forward(self, masks: Tensor) -> _MaskOutput:
        """Reconstruct `masks [B,1,64,64]` in [0, 1]; in training mode also update the codebook."""
        target = _to_minus_one_to_one(masks)
        features = self.encoder(target)
        vectors = features.movedim(1, -1)
        codes = self.codebook.nearest(vectors)
        quantised = self.codebook(codes)
        commitment = self.commitment * mse_loss(vectors, quantised)
        if self.training:
            self.codebook.update(vectors.detach(), codes)
        # straight-through estimator: the decoder reads the codes, and its gradient passes to the encoder unchanged
        straight_through = vectors + (quantised - vectors).detach()
        reconstruction = self.decoder(straight_through.movedim(-1, 1))
        return _MaskOutput(reconstruction, codes.flatten(1), mse_loss(reconstruction, target), commitment)

    @torch.no_grad()
    def encode(self, masks: Tensor) -> Tensor:
        """`[B,1,64,64]` in [0, 1] -> codes `[B,16]`, int64 in [0, K)."""
        return self.codebook.nearest(self.encoder(_to_minus_one_to_one(masks)).movedim(1, -1)).flatten(1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B,16]` -> `[B,1,64,64]`, about -1 outside and 1 inside."""
        if codes.shape[-1] != CODES_PER_MASK:
            raise DataError(f"a mask has {CODES_PER_MASK} codes, not {codes.shape[-1]}")
        side = SIDE >> _HALVINGS
        output: Tensor = self.decoder(self.codebook(codes.view(-1, side, side)).movedim(-1, 1))
        return output


class _Codebook(nn.Module):
    """K vectors of width C, each the moving average of the vectors assigned to it (van den Oord et al. 2017, A.1).

    `sizes` and `sums` are moving averages of the number and the sum of the assigned vectors; `codes = sums / sizes`,
    with Laplace-smoothed sizes. Sizes start at 1, so that a code without assigned vectors stays in place; with a start
    at 0, as in some public code, one step moves every unused code 10^5 away.

    Vectors of any dtype are compared and averaged in fp32, without autocast, as bf16 cannot represent 257.
    """

    codes: Tensor
    sizes: Tensor
    sums: Tensor

    def __init__(self, codes: int, width: int, spread: float = 1.0, decay: float = 0.99, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.decay, self.epsilon = decay, epsilon
        self.register_buffer("codes", spread * torch.randn(codes, width))
        self.register_buffer("sizes", torch.ones(codes))
        self.register_buffer("sums", self.codes.clone())

    def forward(self, codes: Tensor) -> Tensor:
        """`[...]` int64 -> `[...,C]`."""
        return embedding(codes, self.codes)

    def nearest(self, vectors: Tensor) -> Tensor:
        """The nearest code (L2) to each of `[...,C]`: int64 `[...]`."""
        with without_autocast(vectors):
            # |v - c|^2 without |v|^2, which is the same for all codes
            return (self.codes.square().sum(1) - 2 * vectors.to(self.codes.dtype) @ self.codes.T).argmin(-1)

    @torch.no_grad()
    def update(self, vectors: Tensor, assigned: Tensor) -> None:
        """Move the averages one step towards all ranks' `vectors [...,C]`, which are assigned to the codes `[...]`."""
        one_hot_codes = one_hot(assigned.flatten(), len(self.codes)).to(self.sizes.dtype)
        with without_autocast(vectors):
            added = one_hot_codes.T @ vectors.flatten(0, -2).to(self.sums.dtype)
        found = one_hot_codes.sum(0)
        if dist.is_initialized():
            for moved in (found, added):
                dist.all_reduce(moved)
        self.sizes.lerp_(found, 1 - self.decay)
        self.sums.lerp_(added, 1 - self.decay)
        total = self.sizes.sum()
        smoothed = (self.sizes + self.epsilon) / (total + len(self.sizes) * self.epsilon) * total
        self.codes.copy_(self.sums / smoothed[:, None])


class _Residual(nn.Module):
    """Two 3x3 convolutions and a 1x1 one, with a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.net(x)
        return x


def _residuals(width: int, blocks: int) -> Iterator[nn.Module]:
    return (_Residual(width) for _ in range(blocks))


def _downsampling(widths: list[int]) -> Iterator[nn.Module]:
    for before, after in pairwise(widths):
        yield from (nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU())


def _upsampling(widths: list[int]) -> Iterator[nn.Module]:
    for before, after in pairwise(widths):
        yield from (nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU())


def _to_minus_one_to_one(masks: Tensor) -> Tensor:
    """Masks in [0, 1] scaled to [-1, 1]. Raises DataError for another shape."""
    if masks.shape[1:] != (1, SIDE, SIDE):
        raise DataError(f"masks must be [B, 1, {SIDE}, {SIDE}], not {list(masks.shape)}")
    return 2 * masks - 1
