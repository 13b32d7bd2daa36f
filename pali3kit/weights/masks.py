"""The component `vqvae`: our mask tokenizer with random weights, or with those of big_vision's `vae-oid.npz`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import MASK_TOKENIZER
from pali3kit.storage.weight_files import find_weights
from pali3kit.weights.layout import strip_prefix
from pali3kit.weights.layouts.mask_vae import AVERAGES, CODEBOOK, mask_links
from pali3kit.weights.links import to_ours
from pali3kit.weights.load import load_matching
from pali3kit.weights.read import read_tensors
from pali3kit.weights.report import LoadReport


@MASK_TOKENIZER.register("vqvae", "64x64 masks as 16 tokens", given=("commitment",))
def _create(
    codes: int = 128,
    code_width: int = 512,
    width: int = 16,
    blocks: int = 2,
    spread: float = 1.0,
    commitment: float = 0.25,
    weights: str | None = None,
    allow: Sequence[str] = (),
) -> MaskVQVAE:
    """A `MaskVQVAE` with `codes` mask tokens of width `code_width`, initialised with standard deviation `spread`;
    `width` and `blocks` are the size of the CNN.

    `weights`: big_vision's `vae-oid.npz` to start from, which has the default shape; `allow`: patterns of weights that
    may be missing or left over. The model's `load_report` says what was loaded. Errors are those of `load_masks`.
    """
    mask_tokenizer = MaskVQVAE(codes, code_width, width, blocks, spread, commitment)
    if weights is not None and loads_pretrained():
        mask_tokenizer.load_report = load_masks(mask_tokenizer, Path(weights), allow)
    return mask_tokenizer


def load_masks(mask_tokenizer: MaskVQVAE, path: Path, allow: Sequence[str] = ()) -> LoadReport:
    """Load big_vision's mask tokenizer at `path` into `mask_tokenizer`.

    Where the file lacks the moving averages behind its codes, they start as in a new model: as if each code had been
    assigned once. The report notes it; only further training depends on it.

    Args:
        mask_tokenizer: the model to fill; unchanged if an error is raised.
        path: `vae-oid.npz`, or any file in its layout.
        allow: patterns of names, the file's or the model's, that may be missing or left over.

    Raises:
        WeightsError: the file is unreadable or of another layout, or a tensor is missing, left over or of another
            shape.
    """
    file = find_weights(path)
    tensors = read_tensors(file)
    tensors = strip_prefix(tensors, CODEBOOK["codebook.codes"], file, "mask tokenizer of big_vision")
    links = mask_links(mask_tokenizer)
    ours = to_ours(links, tensors, file)
    notes = {}
    codes = ours["codebook.codes"]
    if not ours.keys() & AVERAGES.keys() and codes.shape == mask_tokenizer.codebook.codes.shape:
        ours |= {"codebook.sizes": torch.ones(len(codes)), "codebook.sums": codes.clone()}
        notes = {"codebook.sizes": "ones: the file has codes alone", "codebook.sums": "a copy of the codes"}
    left = sorted(tensors.keys() - {link.theirs for link in links})
    return load_matching(mask_tokenizer, ours, file, "mask_vae", left, notes, allow, allow)
