"""SigLIP: an image tower and a text tower with one embedding space (Zhai et al. 2023)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pali3kit.models.text_tower import TextTower
from pali3kit.vision.contract import VisionEncoder


class TwoTowers(nn.Module):
    """Image and text embeddings, and the learned log-temperature and bias of the sigmoid loss.

    The image embedding is the encoder's pooled output without a projection, as in the released SigLIP models.
    `temperature` and `bias` are initial values; the paper's are 10 and -10 at a batch size of 32k. `vision` may be
    absent where only texts are embedded.
    """

    def __init__(
        self, vision: VisionEncoder | None, text: TextTower, temperature: float = 10.0, bias: float = -10.0
    ) -> None:
        super().__init__()
        self.vision, self.text = vision, text
        self.log_scale = nn.Parameter(torch.tensor(math.log(temperature)))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """`[B,3,H,W]` and `[B,L]` to two embeddings `[B,E]`, not normalised."""
        return self.embed_images(images), self.text(ids)

    def embed_images(self, images: Tensor) -> Tensor:
        """`[B,3,H,W]` to embeddings `[B,E]`, not normalised."""
        if self.vision is None:
            raise ValueError("these two towers were built without the image tower: they embed texts only")
        return self.vision.pooled(images)

    def without_vision(self) -> TwoTowers:
        """The same text tower, log-temperature and bias without the image tower, whose weights are a file of their own
        in an artifact.
        """
        rest = TwoTowers(None, self.text)
        rest.log_scale, rest.bias = self.log_scale, self.bias
        return rest
