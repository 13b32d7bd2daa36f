"""Cached visual tokens of a frozen encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class FrozenTokens:
    """The tokens of a features artifact, memory-mapped: `tokens[numbers]` leads from `[K]` to `[K,N,D]` in fp32.

    `bad` are the numbers of images that could not be used.
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
