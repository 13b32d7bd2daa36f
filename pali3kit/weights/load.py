"""Weights from a file in anyone's layout into a ViT, or into both towers of SigLIP."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pali3kit.errors import WeightsError
from pali3kit.models.two_towers import TwoTowers
from pali3kit.nn.positions import Grid, resize_table
from pali3kit.vision.vit import ViT
from pali3kit.weights.find import digest, find_weights
from pali3kit.weights.layout import Layout, demand_vit, recognise
from pali3kit.weights.layouts.big_vision import unscan
from pali3kit.weights.links import Link, to_ours
from pali3kit.weights.read import read_tensors
from pali3kit.weights.report import LoadReport, matches


def load_vision(vit: ViT, path: Path, grid: Grid | None = None, allow: Sequence[str] = ()) -> LoadReport:
    """Read the ViT at `path` into `vit`; a text tower beside it is set aside.

    Args:
        vit: the model to fill; as it was when anything is wrong.
        path: a file, or a folder with one, in any of `layout.LAYOUTS`.
        grid: rows and columns of the file's position table; None takes the model's own where the number of positions
            agrees, else a square.
        allow: patterns of names, the file's or the model's, that may be left out.

    Raises:
        WeightsError: unreadable, of no known layout, or anything is missing, left over, of another shape or not finite.
    """
    checkpoint = _open_checkpoint(path)
    layout, prefix = checkpoint.layout, checkpoint.prefix
    links = layout.vision(vit, prefix)
    checkpoint.fold_class_position(links, grid)
    ours = to_ours(links, checkpoint.tensors, checkpoint.file)
    resized = _fit_positions(vit, ours, "positions", grid, checkpoint.file)
    return _fill(vit, ours, links, checkpoint, resized, allow, (*layout.elsewhere(prefix), *allow))


def load_two_towers(towers: TwoTowers, path: Path, grid: Grid | None = None, allow: Sequence[str] = ()) -> LoadReport:
    """Read both towers, the log-temperature and the bias at `path` into `towers`: arguments and errors as above."""
    vit, checkpoint = demand_vit(towers.vision), _open_checkpoint(path)
    links = checkpoint.layout.towers(vit, towers.text, checkpoint.prefix)
    ours = to_ours(links, checkpoint.tensors, checkpoint.file)
    resized = _fit_positions(vit, ours, "vision.positions", grid, checkpoint.file)
    return _fill(towers, ours, links, checkpoint, resized, allow, ("opt/*", *allow))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file and how they are named."""

    file: Path
    tensors: dict[str, Tensor]
    layout: Layout
    prefix: str

    def fold_class_position(self, links: Sequence[Link], grid: Grid | None) -> None:
        """The class token's own position is a constant: it is added to the token, and leaves a table of patches.

        It is there if the table has one more than the grid, or than a square.
        """
        token = self.prefix + self.layout.class_token
        table = next(link.theirs for link in links if link.ours == ("positions",))
        if self.layout.class_token and {token, table} <= self.tensors.keys():
            positions = self.tensors[table]
            if positions.ndim != 3 or positions[:, :1].shape != self.tensors[token].shape:
                return  # of another shape, which is told of all tensors at once
            patches = math.prod(grid) if grid else math.isqrt(positions.shape[1]) ** 2
            if positions.shape[1] != patches + 1:
                return
            self.tensors[token] = self.tensors[token] + positions[:, :1]
            self.tensors[table] = positions[:, 1:]


def _open_checkpoint(path: Path) -> Checkpoint:
    """Read all tensors at `path` and recognise their layout."""
    file = find_weights(path)
    tensors = unscan(read_tensors(file))
    return Checkpoint(file, tensors, *recognise(tensors, file))


def _fill(
    module: nn.Module,
    ours: Mapping[str, Tensor],
    links: Sequence[Link],
    checkpoint: Checkpoint,
    resized: Mapping[str, str],
    may_miss: Sequence[str],
    may_stay: Sequence[str],
) -> LoadReport:
    left = sorted(checkpoint.tensors.keys() - {link.theirs for link in links})
    layout = checkpoint.layout.name
    return fill(module, ours, checkpoint.file, layout, left, resized, may_miss, may_stay)


def fill(
    module: nn.Module,
    ours: Mapping[str, Tensor],
    file: Path,
    layout: str,
    left: Sequence[str],
    resized: Mapping[str, str],
    may_miss: Sequence[str],
    may_stay: Sequence[str],
) -> LoadReport:
    """Load `ours`, of which the tensors `left` of the file are no part, if everything is accounted for."""
    wanted = module.state_dict()
    shared = sorted(wanted.keys() & ours.keys())
    misfits = [
        f"{name} has shape {list(ours[name].shape)}, the model wants {list(wanted[name].shape)}"
        for name in shared
        if ours[name].shape != wanted[name].shape
    ]
    if misfits:
        raise WeightsError(f"{file} does not fit the model: " + "; ".join(misfits))
    if broken := [name for name in shared if not ours[name].to(wanted[name].dtype).isfinite().all()]:
        raise WeightsError(f"{file}: not all numbers of {', '.join(broken[:4])} are finite")
    lacking = sorted(wanted.keys() - ours.keys())
    report = LoadReport(
        source=str(file),
        sha256=digest(file),
        layout=layout,
        loaded=tuple(sorted(ours)),
        resized=resized,
        missing=tuple(name for name in lacking if not matches(name, may_miss)),
        kept=tuple(name for name in lacking if matches(name, may_miss)),
        unexpected=tuple(name for name in left if not matches(name, may_stay)),
        set_aside=tuple(name for name in left if matches(name, may_stay)),
    )
    report.demand_complete()
    module.load_state_dict(dict(ours), strict=False)
    return report


def _fit_positions(vit: ViT, ours: dict[str, Tensor], name: str, grid: Grid | None, file: Path) -> dict[str, str]:
    """Resample the position table to the model's grid; says what was done."""
    table = ours.get(name)
    if table is None or (table.shape == vit.positions.shape and grid is None):
        return {}
    if table.ndim != 3 or table.shape[::2] != vit.positions.shape[::2]:
        return {}  # of another width, which is told of all tensors at once
    grid = grid or _square(table.shape[1], file)
    if math.prod(grid) != table.shape[1]:
        raise WeightsError(f"{file}: {table.shape[1]} positions are no grid of {grid[0]}x{grid[1]}")
    if grid == vit.native_grid:
        return {}
    ours[name] = resize_table(table, grid, vit.native_grid)
    (rows, columns), (new_rows, new_columns) = grid, vit.native_grid
    return {name: f"{rows}x{columns} to {new_rows}x{new_columns}, bilinear with aligned corners (big_vision)"}


def _square(count: int, file: Path) -> Grid:
    side = round(count**0.5)
    if side * side != count:
        raise WeightsError(f"{file}: {count} positions are no square: say which grid they are, grid=(rows, columns)")
    return side, side
