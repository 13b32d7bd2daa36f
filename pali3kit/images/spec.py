"""The preprocessing that travels with an encoder's weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """How an encoder wants its images: side length in pixels, and the mean and deviation of values in [0, 1].

    big_vision squeezes every image to a square (the aspect ratio is not kept) and maps values to [-1, 1],
    which is mean 0.5 and deviation 0.5.
    """

    size: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def normalise(self, images: np.ndarray) -> Tensor:
        """uint8 `[B,H,W,3]` to float32 `[B,3,H,W]`."""
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return pixels.sub_(mean).div_(std)
