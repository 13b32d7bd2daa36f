"""A ViT's weights from whatever layout a file has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pali3kit.errors import WeightsError
from pali3kit.nn.positions import Grid, resize_table
from pali3kit.vision.vit import ViT
from pali3kit.weights.layouts import big_vision, hf, timm
from pali3kit.weights.links import Link, same, to_ours
from pali3kit.weights.read import digest, find_weights, read_tensors
from pali3kit.weights.report import LoadReport, matches


@dataclass(frozen=True, slots=True)
class Layout:
    """How a program names a ViT: `mark` is the end of a name that only it uses, `aside` what belongs to others.

    `links(vit, prefix)` leads from our names to theirs, `class_token` is the end of the name of theirs.
    """

    name: str
    mark: str
    links: Callable[[ViT, str], list[Link]]
    class_token: str = ""
    aside: tuple[str, ...] = ()


def _head(vit: ViT) -> str:
    return "map" if hasattr(vit.head, "probe") else ""


def _depth(vit: ViT) -> int:
    return len(vit.encoder.blocks)


def _timm(vit: ViT, prefix: str) -> list[Link]:
    return timm.vit_links(_depth(vit), _head(vit), vit.class_token is not None, prefix)


def _hf(vit: ViT, prefix: str) -> list[Link]:
    return hf.vit_links(_depth(vit), _head(vit), prefix)


def _flax(vit: ViT, prefix: str, era: str) -> list[Link]:
    return big_vision.vit_links(_depth(vit), vit.heads, _head(vit), vit.class_token is not None, prefix, era)


def _own(vit: ViT, prefix: str) -> list[Link]:
    return [same(name, prefix + name) for name in vit.state_dict()]


LAYOUTS = (
    Layout("augreg", "Transformer/posembed_input/pos_embedding", lambda v, p: _flax(v, p, "augreg"), "cls"),
    Layout(
        "big_vision",
        "embedding/kernel",
        lambda v, p: _flax(v, p, "big_vision"),
        "cls",
        ("*txt/*", "*/t", "*/b", "opt/*"),
    ),
    Layout("timm", "patch_embed.proj.weight", _timm, "cls_token", ("text.*", "logit_scale", "logit_bias")),
    Layout("hf", "embeddings.patch_embedding.weight", _hf, "", ("text_model.*", "logit_scale", "logit_bias")),
    Layout("pali3kit", "embed.weight", _own),
)
"""In the order in which they are recognised: the first whose mark ends a name."""


def load_vision(vit: ViT, path: Path, grid: Grid | None = None, allow: Sequence[str] = ()) -> LoadReport:
    """Read `path`, a file or folder in any of `LAYOUTS`, into `vit`.

    Args:
        vit: the model to fill; as it was when anything is wrong.
        path: a file, or a folder with one.
        grid: rows and columns of the file's position table; None takes the model's own where the number of positions
            agrees, else a square.
        allow: patterns of names, the file's or the model's, that may be left out.

    Raises:
        WeightsError: unreadable, of no known layout, or anything is missing, left over or of another shape.
    """
    file = find_weights(path)
    theirs = big_vision.unscan(read_tensors(file))
    layout, prefix = recognise(theirs, file)
    _fold_class_position(theirs, layout, prefix, layout.links(vit, prefix))
    links = layout.links(vit, prefix)
    ours = {name: tensor.float() for name, tensor in to_ours(links, theirs).items()}
    resized = _fit_positions(vit, ours, grid)
    wanted = vit.state_dict()
    misfits = [
        f"{name} has shape {list(ours[name].shape)}, the model wants {list(wanted[name].shape)}"
        for name in wanted.keys() & ours.keys()
        if ours[name].shape != wanted[name].shape
    ]
    if misfits:
        raise WeightsError(f"{file} does not fit the model: " + "; ".join(sorted(misfits)))
    left = sorted(theirs.keys() - {link.theirs for link in links})
    aside = tuple(name for name in left if matches(name, (*layout.aside, *allow)))
    report = LoadReport(
        source=str(file),
        sha256=digest(file),
        layout=layout.name,
        loaded=tuple(sorted(ours)),
        resized=resized,
        missing=tuple(sorted(name for name in wanted.keys() - ours.keys() if not matches(name, allow))),
        unexpected=tuple(name for name in left if name not in aside),
        set_aside=aside,
    )
    report.demand_complete()
    vit.load_state_dict(ours, strict=False)
    return report


def recognise(tensors: dict[str, Tensor], file: Path) -> tuple[Layout, str]:
    """The layout of the names, and what precedes them all. Raises WeightsError when it is none of ours."""
    for layout in LAYOUTS:
        for name in tensors:
            if name.endswith(layout.mark):
                return layout, name.removesuffix(layout.mark)
    some = ", ".join(sorted(tensors)[:4])
    known = ", ".join(layout.name for layout in LAYOUTS)
    raise WeightsError(f"{file} holds no ViT in a known layout ({known}); its first tensors are {some}")


def _fold_class_position(theirs: dict[str, Tensor], layout: Layout, prefix: str, links: list[Link]) -> None:
    """The class token's own position is a constant: it is added to the token, and leaves a table of patches."""
    token, table = prefix + layout.class_token, next(link.theirs for link in links if link.ours == ("positions",))
    if layout.class_token and token in theirs and table in theirs:
        positions = theirs[table]
        theirs[token] = theirs[token] + positions[:, :1]
        theirs[table] = positions[:, 1:]


def _fit_positions(vit: ViT, ours: dict[str, Tensor], grid: Grid | None) -> dict[str, str]:
    """Resample the position table to the model's grid; says what was done."""
    table = ours.get("positions")
    if table is None or (table.shape == vit.positions.shape and grid is None):
        return {}
    grid = grid or _square(table.shape[1])
    if grid == vit.native_grid:
        return {}
    ours["positions"] = resize_table(table, grid, vit.native_grid)
    (rows, columns), (new_rows, new_columns) = grid, vit.native_grid
    return {"positions": f"{rows}x{columns} to {new_rows}x{new_columns}, bilinear with aligned corners (big_vision)"}


def _square(count: int) -> Grid:
    side = round(count**0.5)
    if side * side != count:
        raise WeightsError(f"{count} positions are no square: say which grid they are, grid=(rows, columns)")
    return side, side
