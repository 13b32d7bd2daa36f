"""Cached tokens and mask tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pali3kit.training.frozen import FrozenTokens


def test_tokens_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float16)
    np.save(tmp_path / "train.npy", array)
    np.save(tmp_path / "grid.npy", (2, 3))
    tokens = FrozenTokens(tmp_path, "train")
    assert len(tokens) == 5 and tokens.grid == (2, 3) and tokens.width == 4
    found = tokens[torch.tensor([3, 0, 3])]
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found.numpy(), array[[3, 0, 3]].astype(np.float32))
