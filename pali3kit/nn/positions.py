"""Position embeddings of a grid of patches: fixed 2D sines, and resizing of learned tables."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import interpolate

Grid = tuple[int, int]


def sine_2d(grid: Grid, width: int, temperature: float = 10_000.0, highest: float = 1.0) -> Tensor:
    """Fixed position embeddings `[rows*columns, width]`: a quarter each for sin and cos of x and of y.

    The defaults give the table of MoCo v3 and big_vision (`posemb_sincos_2d`). `width` must be divisible by 4.
    Frequencies, in radians per token, fall from `highest` to `highest / temperature`.
    """
    if width % 4:
        raise ValueError(f"2D sine positions need a width divisible by 4, got {width}")
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in grid), indexing="ij")
    omega = highest * temperature ** -torch.linspace(0, 1, width // 4)
    y, x = (axis.flatten()[:, None] * omega for axis in (rows, columns))
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1)


def resize_table(table: Tensor, old: Grid, new: Grid) -> Tensor:
    """Resample a learned table `[1, old rows*columns, D]` to another grid, as big_vision does.

    Bilinear interpolation with aligned corners equals its `scipy.ndimage.zoom(order=1)` to 2.5e-7; other conventions
    differ by 14-16 %. Callers pass both grids as recorded, since a number of positions does not determine its grid.
    """
    if old == new:
        return table
    if table.shape[1] != math.prod(old):
        raise ValueError(f"a table of {table.shape[1]} positions is not the grid {old[0]}x{old[1]}")
    image = rearrange(table.float(), "1 (h w) d -> 1 d h w", h=old[0])
    image = interpolate(image, new, mode="bilinear", align_corners=True)
    return rearrange(image, "1 d h w -> 1 (h w) d").to(table.dtype)
