"""The preprocessing that travels with an encoder's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Resize = Literal["squash", "shortest"]
RESAMPLING = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}  # PIL's numbers, which transformers writes too


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """How an encoder wants its images: side in pixels, mean and deviation of values in [0, 1], and how to get there.

    The default is big_vision's: every image is squeezed to a square (`"squash"`, the aspect ratio is not kept), and
    values are mapped to [-1, 1], which is mean 0.5 and deviation 0.5. `"shortest"` keeps the aspect ratio: the shorter
    side becomes `size / crop`, and the middle is cut out.
    """

    size: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    resize: Resize = "squash"
    interpolation: str = "bilinear"
    crop: float = 1.0

    def fit(self, image: Image.Image) -> np.ndarray:
        """A picture of any size and mode to uint8 `[size,size,3]`."""
        rgb, how = image.convert("RGB"), Image.Resampling(RESAMPLING[self.interpolation])
        if self.resize == "squash":
            return np.asarray(rgb.resize((self.size, self.size), how))
        shorter = int(self.size / self.crop)
        scale = shorter / min(rgb.size)
        width, height = (shorter if side == min(rgb.size) else int(side * scale) for side in rgb.size)
        left, top = round((width - self.size) / 2), round((height - self.size) / 2)
        return np.asarray(rgb.resize((width, height), how).crop((left, top, left + self.size, top + self.size)))

    def normalise(self, images: np.ndarray) -> Tensor:
        """uint8 `[B,H,W,3]` to float32 `[B,3,H,W]`."""
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return pixels.sub_(mean).div_(std)
