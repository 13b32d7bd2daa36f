"""Random views of pictures, as big_vision pretrains with: inception crop and flip."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop

RATIOS = [3 / 4, 4 / 3]  # width to height of a crop


def random_view(image: np.ndarray, size: int, rng: np.random.Generator, crop: float, flip: bool) -> np.ndarray:
    """A crop of random place, size and proportions, resized to a square, and mirrored half of the time.

    Args:
        image: uint8 `[H,W,3]`.
        size: side of the view, pixels.
        rng: what decides.
        crop: the least share of the picture's area that a crop keeps; 1 keeps the whole picture. big_vision has 0.05.
        flip: whether to mirror.

    Returns:
        uint8 `[size,size,3]`, resampled bilinearly with antialiasing (big_vision resamples without).
    """
    picture = Image.fromarray(image)
    box = (0, 0, *picture.size) if crop >= 1 else _box(picture, crop, int(rng.integers(1 << 62)))
    view = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=box))
    return np.ascontiguousarray(view[:, ::-1]) if flip and rng.random() < 0.5 else view


def _box(picture: Image.Image, least: float, seed: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom. torchvision draws from torch's global generator, which is left as it was."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        top, left, height, width = RandomResizedCrop.get_params(picture, scale=[least, 1.0], ratio=RATIOS)
    return left, top, left + width, top + height
