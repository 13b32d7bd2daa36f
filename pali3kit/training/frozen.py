"""What frozen parts hand to a batch: cached visual tokens, and mask tokens for regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pali3kit.data.task import Example
from pali3kit.masks.codec import write
from pali3kit.masks.crops import crop
from pali3kit.masks.vqvae import MaskVQVAE


class FrozenTokens:
    """The tokens of a features artifact, read from disk as they are asked for: `[index [B]] -> [B,N,D]` fp32.

    `bad` are the pictures that could not be used.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.array = np.load(folder / f"{split}.npy", mmap_mode="r")
        rows, columns = np.load(folder / "grid.npy")
        self.grid = (int(rows), int(columns))
        self.width = int(self.array.shape[-1])
        bad = folder / f"{split}-bad.npy"
        self.bad = frozenset(np.load(bad).tolist() if bad.exists() else ())

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Tensor) -> Tensor:
        return torch.from_numpy(self.array[index.numpy()].astype(np.float32))


def add_mask_tokens(examples: Sequence[Example], masks: MaskVQVAE) -> list[Example]:
    """Where an example asks for a region, its target gets the 16 mask tokens of what lies in the box."""
    regions = [(i, e.mask, e.box) for i, e in enumerate(examples) if e.mask is not None and e.box is not None]
    completed = list(examples)
    if not regions:
        return completed
    crops = torch.from_numpy(np.stack([crop(mask, box) for _, mask, box in regions])[:, None])
    with torch.no_grad():
        codes = masks.encode(crops)
    for (i, _, _), row in zip(regions, codes.tolist(), strict=True):
        completed[i] = replace(examples[i], target=write(examples[i].target, row))
    return completed
