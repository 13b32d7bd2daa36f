"""Cached tokens and mask tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pali3kit.data.task import Example
from pali3kit.masks.codec import read
from pali3kit.masks.crops import crop
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.training.frozen import FrozenTokens, add_mask_tokens


def test_tokens_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float16)
    np.save(tmp_path / "train.npy", array)
    np.save(tmp_path / "grid.npy", (2, 3))
    tokens = FrozenTokens(tmp_path, "train")
    assert len(tokens) == 5 and tokens.grid == (2, 3) and tokens.width == 4
    found = tokens[torch.tensor([3, 0, 3])]
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found.numpy(), array[[3, 0, 3]].astype(np.float32))


def test_only_regions_get_mask_tokens() -> None:
    torch.manual_seed(0)
    masks = MaskVQVAE(codes=8, code_width=4, width=2).eval()
    mask = np.random.default_rng(0).random((32, 32)) > 0.5
    region = Example(1, "", "4 4 20 20", box=(4, 4, 20, 20), mask=mask)
    plain, completed = add_mask_tokens([Example(0, "", "yes"), region], masks)
    assert plain.target == "yes"
    _, codes = read(completed.target, bins=33, codes=8)
    assert codes == masks.encode(torch.from_numpy(crop(mask, (4, 4, 20, 20)).copy())[None, None])[0].tolist()
    assert add_mask_tokens([plain], masks) == [plain]
