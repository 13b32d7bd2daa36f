"""A projector with a gate."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pali3kit.nn.positions import Grid
from pali3kit.projector.contract import Projector
from pali3kit.registry import PROJECTOR


@PROJECTOR.register("gated", "a linear layer times its gate")
class GatedProjector(Projector):
    """`[B,N,Dv] -> [B,N,Dl]`: a linear layer, times another one of the same token (the bilinear unit of Shazeer 2020).

    Args:
        vision_width, language_width: Dv and Dl.
        gate: what every gate is at the start.
        per: whether each `channel` of a token has a gate of its own, or the `token` has one.
    """

    def __init__(
        self,
        vision_width: int,
        language_width: int,
        gate: float = 0.5,
        per: Literal["channel", "token"] = "channel",
    ) -> None:
        super().__init__()
        self.value = nn.Linear(vision_width, language_width)
        self.gate = nn.Linear(vision_width, language_width if per == "channel" else 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, gate)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        gated: Tensor = self.value(tokens) * self.gate(tokens)
        return gated
