"""The classification arm: a vision encoder and one linear layer on its pooled output."""

from __future__ import annotations

from torch import Tensor, nn

from pali3kit.vision.contract import VisionEncoder


class Classifier(nn.Module):
    """`[B,3,H,W] -> [B,classes]` logits. The head starts with zero weights and the bias `head_bias`.

    big_vision starts multi-label heads at -10, since nearly all of 30 thousand labels are absent from an image.
    """

    def __init__(self, vision: VisionEncoder, classes: int, head_bias: float = -10.0) -> None:
        super().__init__()
        self.vision, self.image_spec = vision, vision.image_spec
        self.head = nn.Linear(vision.width, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, head_bias)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.vision.pooled(images))
        return logits

    def pooled(self, images: Tensor) -> Tensor:
        """The logits, under the name by which evaluations read any encoder."""
        logits: Tensor = self(images)
        return logits
