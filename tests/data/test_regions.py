"""Mask tokens for regions."""

from __future__ import annotations

import numpy as np
import torch

from pali3kit.data.regions import add_mask_tokens, crops
from pali3kit.data.task import Example
from pali3kit.masks.codec import RegionFormat
from pali3kit.masks.crops import crop_mask
from pali3kit.masks.vqvae import MaskVQVAE


def test_only_regions_get_mask_tokens() -> None:
    torch.manual_seed(0)
    masks = MaskVQVAE(codes=8, code_width=4, width=2).eval()
    mask = np.random.default_rng(0).random((32, 32)) > 0.5
    region = Example((1,), "", "4 4 20 20", box=(4, 4, 20, 20), mask=mask)
    plain, completed = add_mask_tokens([Example((0,), "", "yes"), region], masks)
    assert plain.target == "yes"
    _, codes = RegionFormat(33, 8).read(completed.target)
    assert codes == masks.encode(torch.from_numpy(crop_mask(mask, (4, 4, 20, 20)).copy())[None, None])[0].tolist()
    assert add_mask_tokens([plain], masks) == [plain]


def test_crops_are_what_lies_in_the_boxes() -> None:
    mask = np.zeros((64, 64), bool)
    mask[16:48, :16] = True
    (found,) = crops([Example((0,), "", "", box=(16, 0, 48, 32), mask=mask)])
    assert found.shape == (1, 64, 64) and found[0, :, :30].min() == 1 and found[0, :, 34:].max() == 0
