"""Crops of masks, and targets to which a mask tokenizer's tokens are appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pali3kit.data.task import Example
from pali3kit.masks.codec import RegionFormat
from pali3kit.masks.crops import crop_mask
from pali3kit.masks.vqvae import MaskVQVAE


def crops(examples: Sequence[Example]) -> Tensor:
    """The masks of examples, cropped to their boxes: float32 `[B,1,64,64]` in [0, 1]."""
    return torch.from_numpy(
        np.stack([crop_mask(e.mask, e.box) for e in examples if e.mask is not None and e.box])[:, None]
    )


def add_mask_tokens(examples: Sequence[Example], mask_tokenizer: MaskVQVAE) -> list[Example]:
    """Append the 16 mask tokens of the crop to the target of each example that asks for a region."""
    regions = [i for i, e in enumerate(examples) if e.mask is not None and e.box is not None]
    completed = list(examples)
    if not regions:
        return completed
    with torch.no_grad():
        codes = mask_tokenizer.encode(crops([examples[i] for i in regions]))
    region_format = RegionFormat(codes=len(mask_tokenizer.codebook.codes))
    for i, row in zip(regions, codes.tolist(), strict=True):
        completed[i] = replace(examples[i], target=region_format.write(examples[i].target, row))
    return completed
