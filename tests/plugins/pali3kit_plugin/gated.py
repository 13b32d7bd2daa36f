"""A projector whose tokens pass a gate."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pali3kit.nn.positions import Grid
from pali3kit.projector.contract import Projector


class GatedProjector(Projector):
    """`[B,N,Dv] -> [B,N,Dl]`: a linear layer, times a gate that is another linear layer of the same token.

    Args:
        vision_width, language_width: Dv and Dl.
        gate: how far open the gate is at the start, from 0 to 1.
        activation: what keeps the gate in its bounds.
    """

    def __init__(
        self,
        vision_width: int,
        language_width: int,
        gate: float = 0.5,
        activation: Literal["sigmoid", "hard_sigmoid"] = "sigmoid",
    ) -> None:
        super().__init__()
        self.value = nn.Linear(vision_width, language_width)
        self.gate = nn.Linear(vision_width, language_width)
        self.activation = nn.Sigmoid() if activation == "sigmoid" else nn.Hardsigmoid()
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, float(torch.logit(torch.tensor(gate), eps=1e-6)))

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        gated: Tensor = self.value(tokens) * self.activation(self.gate(tokens))
        return gated
