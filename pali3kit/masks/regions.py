"""From a text to the box and the mask in it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pali3kit.masks.codec import RegionFormat
from pali3kit.masks.crops import Box
from pali3kit.masks.vqvae import MaskVQVAE


@torch.inference_mode()
def read_region(
    text: str, height: int, width: int, masks: MaskVQVAE | None, bins: int
) -> tuple[Box | None, NDArray[np.floating] | None]:
    """The box (y0, x0, y1, x1) in pixels of an image and the mask logits, float [64,64], that a text begins with.

    The box is None where the text has none, the logits where it has no mask, or there is no tokenizer to decode it.
    """
    region_format = RegionFormat(bins) if masks is None else RegionFormat(bins, len(masks.codebook.codes))
    region, codes = region_format.read(text)
    if region is None:
        return None, None
    y0, x0, y1, x1 = region
    box = (round(y0 * height), round(x0 * width), round(y1 * height), round(x1 * width))
    if masks is None or codes is None:
        return box, None
    device = masks.codebook.codes.device
    return box, masks.decode(torch.tensor([codes], device=device))[0, 0].numpy(force=True)
