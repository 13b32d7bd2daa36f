"""Random views of images, as in big_vision's pretraining: inception crop and flip."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop

RATIOS = [3 / 4, 4 / 3]  # width to height of a crop


def random_view(image: np.ndarray, size: int, rng: np.random.Generator, crop: float, flip: bool) -> np.ndarray:
    """A crop of random position, size and aspect ratio, resized to a square, and flipped with a probability of 0.5.

    Args:
        image: uint8 `[H,W,3]`.
        size: side of the view, pixels.
        rng: source of randomness.
        crop: the least share of the image's area that a crop keeps; 1 keeps the whole image. big_vision uses 0.05.
        flip: whether to flip.

    Returns:
        uint8 `[size,size,3]`, resized bilinearly with antialiasing (big_vision resizes without).
    """
    original = Image.fromarray(image)
    box = (0, 0, *original.size) if crop >= 1 else _box(original, crop, int(rng.integers(1 << 62)))
    view = np.asarray(original.resize((size, size), Image.Resampling.BILINEAR, box=box))
    return np.ascontiguousarray(view[:, ::-1]) if flip and rng.random() < 0.5 else view


def _box(image: Image.Image, least: float, seed: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom. torchvision draws from torch's global generator, whose state is restored."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        top, left, height, width = RandomResizedCrop.get_params(image, scale=[least, 1.0], ratio=RATIOS)
    return left, top, left + width, top + height
