"""The registry's `vqvae`: our mask tokenizer with random weights, or with those of big_vision's `vae-oid.npz`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import MASKS
from pali3kit.weights.find import find_weights
from pali3kit.weights.layout import behind_prefix
from pali3kit.weights.layouts.mask_vae import AVERAGES, CODEBOOK, mask_links
from pali3kit.weights.links import to_ours
from pali3kit.weights.load import fill
from pali3kit.weights.read import read_tensors
from pali3kit.weights.report import LoadReport


@MASKS.register("vqvae", "64x64 masks as 16 tokens", given=("commitment",))
def create_vqvae(
    codes: int = 128,
    code_width: int = 512,
    width: int = 16,
    blocks: int = 2,
    spread: float = 1.0,
    commitment: float = 0.25,
    weights: str | None = None,
    allow: Sequence[str] = (),
) -> MaskVQVAE:
    """A `MaskVQVAE` of `codes` mask tokens of `code_width` numbers, first of deviation `spread`; `width` and `blocks`
    size the CNN.

    `weights`: big_vision's `vae-oid.npz`, of the shape that is the default, to start from; `allow`: patterns of weights
    that may be left out. What the loading did is kept in the model's `load_report`. Errors are those of `load_masks`.
    """
    masks = MaskVQVAE(codes, code_width, width, blocks, spread, commitment)
    if weights is not None and loads_pretrained():
        masks.load_report = load_masks(masks, Path(weights), allow)
    return masks


def load_masks(masks: MaskVQVAE, path: Path, allow: Sequence[str] = ()) -> LoadReport:
    """Read big_vision's mask tokenizer at `path` into `masks`.

    Where the file lacks the moving averages behind its codes, they start as a model's of these codes do: each code was
    assigned to once. That is said in the report, and matters to further training alone.

    Args:
        masks: the model to fill; as it was when anything is wrong.
        path: `vae-oid.npz`, or any file in its layout.
        allow: patterns of names, the file's or the model's, that may be left out.

    Raises:
        WeightsError: unreadable, of another layout, or anything is missing, left over or of another shape.
    """
    file = find_weights(path)
    tensors = read_tensors(file)
    mark = CODEBOOK["codebook.codes"]
    tensors = behind_prefix(tensors, mark, file, "no mask tokenizer of big_vision's")
    links = mask_links(masks)
    ours = to_ours(links, tensors, file)
    notes = {}
    codes = ours["codebook.codes"]
    if not ours.keys() & AVERAGES.keys() and codes.shape == masks.codebook.codes.shape:
        ours |= {"codebook.sizes": torch.ones(len(codes)), "codebook.sums": codes.clone()}
        notes = {"codebook.sizes": "ones: the file has codes alone", "codebook.sums": "a copy of the codes"}
    left = sorted(tensors.keys() - {link.theirs for link in links})
    return fill(masks, ours, file, "mask_vae", left, notes, allow, allow)
