"""A projector of two layers, as in LLaVA-1.5."""

from __future__ import annotations

from torch import Tensor, nn

from pali3kit.nn.positions import Grid
from pali3kit.nn.transformer import MLP
from pali3kit.projector.contract import Projector
from pali3kit.projector.positions import Positions, add_positions
from pali3kit.registry import PROJECTOR


@PROJECTOR.register("mlp", "two layers, as LLaVA-1.5 has them")
class MLPProjector(Projector):
    """`[B,N,Dv] -> [B,N,Dl]`: linear, GELU, linear.

    Args:
        vision_width, language_width: Dv and Dl.
        hidden: width of the hidden layer; None: Dl.
        positions: `"none"` or `"sine2d"`, as in `LinearProjector`.
    """

    def __init__(
        self, vision_width: int, language_width: int, hidden: int | None = None, positions: Positions = "none"
    ) -> None:
        super().__init__()
        self.mlp = MLP(vision_width, hidden or language_width, language_width)
        self.positions = positions
        for layer in (self.mlp.up, self.mlp.down):
            nn.init.trunc_normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        return add_positions(self.mlp(tokens), grid, self.positions)
