"""Load weights from a file in any known layout into a ViT, or into a dual encoder as SigLIP trains it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from torch import Tensor, nn

from pali3kit.errors import WeightsError
from pali3kit.models.two_towers import TwoTowers
from pali3kit.nn.positions import Grid, resize_table
from pali3kit.storage.weight_files import find_weights, weights_digest
from pali3kit.vision.vit import ViT
from pali3kit.weights.layout import Layout, require_vit
from pali3kit.weights.layouts.big_vision import unscan
from pali3kit.weights.links import WeightLink, to_ours
from pali3kit.weights.read import read_tensors
from pali3kit.weights.recognise import recognise
from pali3kit.weights.report import LoadReport


def load_vision(vit: ViT, path: Path, grid: Grid | None = None, allow: Sequence[str] = ()) -> LoadReport:
    """Load the ViT at `path` into `vit`; a text tower beside it is ignored.

    Args:
        vit: the model to fill; unchanged if an error is raised.
        path: a file, or a folder with one, in any of `recognise.LAYOUTS`.
        grid: rows and columns of the file's position table. None: the model's own if the number of positions agrees,
            else a square.
        allow: patterns of names, the file's or the model's, that may be missing or left over.

    Raises:
        WeightsError: the file is unreadable or of an unknown layout, or a tensor is missing, left over, of another
            shape or not finite.
    """
    checkpoint = _open_checkpoint(path)
    layout, prefix = checkpoint.layout, checkpoint.prefix
    links = layout.vision(vit, prefix)
    checkpoint.fold_class_position(links, grid)
    ours = to_ours(links, checkpoint.tensors, checkpoint.file)
    resized = _fit_positions(vit, ours, "positions", grid, checkpoint.file)
    return _fill(vit, ours, links, checkpoint, resized, allow, (*layout.ignored(prefix), *allow))


def load_two_towers(model: TwoTowers, path: Path, grid: Grid | None = None, allow: Sequence[str] = ()) -> LoadReport:
    """Load a dual encoder with its log-temperature and bias: arguments and errors are those of `load_vision`."""
    vit, checkpoint = require_vit(model.vision), _open_checkpoint(path)
    links = checkpoint.layout.dual_encoder(vit, model.text, checkpoint.prefix)
    ours = to_ours(links, checkpoint.tensors, checkpoint.file)
    resized = _fit_positions(vit, ours, "vision.positions", grid, checkpoint.file)
    return _fill(model, ours, links, checkpoint, resized, allow, ("opt/*", *allow))


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """The tensors of a file and the layout of their names."""

    file: Path
    tensors: dict[str, Tensor]
    layout: Layout
    prefix: str

    def fold_class_position(self, links: Sequence[WeightLink], grid: Grid | None) -> None:
        """Add the class token's position to the token, where the file has one: our class token has no position.

        The file has one if its table has one row more than the grid, or than a square.
        """
        token = self.prefix + self.layout.class_token
        table = next(link.theirs for link in links if link.ours == ("positions",))
        if self.layout.class_token and {token, table} <= self.tensors.keys():
            positions = self.tensors[table]
            if positions.ndim != 3 or positions[:, :1].shape != self.tensors[token].shape:
                return  # reported with all shapes that do not fit
            patches = math.prod(grid) if grid else math.isqrt(positions.shape[1]) ** 2
            if positions.shape[1] != patches + 1:
                return
            self.tensors[token] = self.tensors[token] + positions[:, :1]
            self.tensors[table] = positions[:, 1:]


def _open_checkpoint(path: Path) -> _Checkpoint:
    file = find_weights(path)
    tensors = unscan(read_tensors(file))
    return _Checkpoint(file, tensors, *recognise(tensors, file))


def _fill(
    module: nn.Module,
    ours: Mapping[str, Tensor],
    links: Sequence[WeightLink],
    checkpoint: _Checkpoint,
    resized: Mapping[str, str],
    may_miss: Sequence[str],
    may_stay: Sequence[str],
) -> LoadReport:
    left = sorted(checkpoint.tensors.keys() - {link.theirs for link in links})
    layout = checkpoint.layout.name
    return load_matching(module, ours, checkpoint.file, layout, left, resized, may_miss, may_stay)


def load_matching(
    module: nn.Module,
    ours: Mapping[str, Tensor],
    file: Path,
    layout: str,
    left: Sequence[str],
    resized: Mapping[str, str],
    may_miss: Sequence[str],
    may_stay: Sequence[str],
) -> LoadReport:
    """Load `ours` into `module` if every tensor of either side is accounted for.

    Args:
        module: the model to fill; unchanged if an error is raised.
        ours: the file's tensors by the model's names.
        file: where they come from.
        layout: the name of its layout.
        left: tensors of the file that are not among `ours`.
        resized: how tensors were made to fit, by name.
        may_miss: patterns of the model's tensors that may be missing from `ours`.
        may_stay: patterns of the tensors in `left` that may be ignored.

    Raises:
        WeightsError: a tensor is missing, left over, of another shape or not finite.
    """
    wanted = module.state_dict()
    _require_fitting(wanted, ours, file)
    lacking = sorted(wanted.keys() - ours.keys())
    report = LoadReport(
        source=str(file),
        sha256=weights_digest(file),
        layout=layout,
        loaded=tuple(sorted(ours)),
        resized=resized,
        missing=tuple(name for name in lacking if not _matches(name, may_miss)),
        kept=tuple(name for name in lacking if _matches(name, may_miss)),
        unexpected=tuple(name for name in left if not _matches(name, may_stay)),
        ignored=tuple(name for name in left if _matches(name, may_stay)),
    )
    report.require_complete()
    module.load_state_dict(dict(ours), strict=False)
    return report


def _require_fitting(wanted: Mapping[str, Tensor], ours: Mapping[str, Tensor], file: Path) -> None:
    """Raise WeightsError unless tensors of equal names have equal shapes and are finite in the model's dtype."""
    shared = sorted(wanted.keys() & ours.keys())
    misfits = [
        f"{name} has shape {list(ours[name].shape)}, the model expects {list(wanted[name].shape)}"
        for name in shared
        if ours[name].shape != wanted[name].shape
    ]
    if misfits:
        raise WeightsError(f"{file} does not fit the model: " + "; ".join(misfits))
    if broken := [name for name in shared if not ours[name].to(wanted[name].dtype).isfinite().all()]:
        raise WeightsError(f"{file}: not all numbers of {', '.join(broken[:4])} are finite")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name` matches any of the patterns (`*` and `?` as in file names)."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _fit_positions(vit: ViT, ours: dict[str, Tensor], name: str, grid: Grid | None, file: Path) -> dict[str, str]:
    """Resample the position table to the model's grid; return a description for the report."""
    table = ours.get(name)
    if table is None or (table.shape == vit.positions.shape and grid is None):
        return {}
    if table.ndim != 3 or table.shape[::2] != vit.positions.shape[::2]:
        return {}  # reported with all shapes that do not fit
    grid = grid or _square(table.shape[1], file)
    if math.prod(grid) != table.shape[1]:
        raise WeightsError(f"{file}: {table.shape[1]} positions do not fill a grid of {grid[0]}x{grid[1]}")
    if grid == vit.native_grid:
        return {}
    ours[name] = resize_table(table, grid, vit.native_grid)
    (rows, columns), (new_rows, new_columns) = grid, vit.native_grid
    return {name: f"{rows}x{columns} to {new_rows}x{new_columns}, bilinear with aligned corners (big_vision)"}


def _square(count: int, file: Path) -> Grid:
    side = round(count**0.5)
    if side * side != count:
        raise WeightsError(f"{file}: {count} positions do not fill a square: pass their grid as grid=(rows, columns)")
    return side, side
