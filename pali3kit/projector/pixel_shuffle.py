"""A projector that merges squares of tokens (pixel unshuffle), as in InternVL and Idefics 3."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from pali3kit.errors import ConfigError
from pali3kit.nn.positions import Grid
from pali3kit.projector.contract import Projector
from pali3kit.projector.positions import Positions, add_positions
from pali3kit.registry import PROJECTOR


@PROJECTOR.register("pixel_shuffle", "merges each square of tokens into one, with a linear layer")
class PixelShuffleProjector(Projector):
    """`[B,N,Dv] -> [B,N/factor^2,Dl]`: the tokens of each square are concatenated and projected.

    Args:
        vision_width, language_width: Dv and Dl.
        factor: side of a square in tokens; it must divide the rows and columns of the grid.
        positions: `"none"` or `"sine2d"`, as in `LinearProjector`, on the grid of squares.
    """

    def __init__(self, vision_width: int, language_width: int, factor: int = 2, positions: Positions = "none") -> None:
        super().__init__()
        self.factor, self.positions = factor, positions
        self.linear = nn.Linear(factor**2 * vision_width, language_width)
        nn.init.trunc_normal_(self.linear.weight, std=self.linear.in_features**-0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Project `tokens` on `grid` (rows, columns). Raises ConfigError unless `factor` divides both."""
        rows, columns = self._grid_of_squares(grid)
        squares = rearrange(tokens, "b (r i c j) d -> b (r c) (i j d)", i=self.factor, j=self.factor, c=columns)
        return add_positions(self.linear(squares), (rows, columns), self.positions)

    def _grid_of_squares(self, grid: Grid) -> Grid:
        """Rows and columns of squares on a grid of tokens. Raises ConfigError unless `factor` divides both."""
        rows, columns = grid
        if rows % self.factor or columns % self.factor:
            raise ConfigError([f"squares of {self.factor} tokens do not fill a grid of {rows}x{columns}"])
        return rows // self.factor, columns // self.factor

    def out_tokens(self, grid: Grid) -> int:
        """One token per square."""
        rows, columns = self._grid_of_squares(grid)
        return rows * columns

    def extra_repr(self) -> str:
        return f"factor={self.factor}, positions={self.positions!r}"
