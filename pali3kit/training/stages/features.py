"""The frozen encoder's tokens of every picture, computed once per arm: all later stages read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap

from pali3kit.training.calibration import count, median_seconds
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.parts import build_source, build_vision, read_vision

BATCH = 128


@torch.inference_mode()
def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `<split>.npy`, fp16 `[pictures, N, D]`, and `grid.npy`, the rows and columns of the tokens."""
    source = build_source(config)
    vision = read_vision(context.parents["vision"])
    split, total = config["split"], config["count"]
    rows, columns = vision.native_grid
    np.save(context.folder / "grid.npy", (rows, columns))
    tokens = open_memmap(
        context.folder / f"{split}.npy", mode="w+", dtype=np.float16, shape=(total, rows * columns, vision.width)
    )
    for start in range(0, total, BATCH):
        images = np.stack([source.image(split, index) for index in range(start, min(start + BATCH, total))])
        tokens[start : start + len(images)] = vision(vision.image_spec.normalise(images)).numpy()
        context.report(start + len(images), total)
    tokens.flush()


@torch.inference_mode()
def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """Seconds per picture, drawing it included."""
    source, vision = build_source(config), build_vision(config).eval()

    def step(number: int) -> None:
        images = np.stack([source.image("train", number * BATCH + row) for row in range(BATCH)])
        vision(vision.image_spec.normalise(images))

    return Cost(median_seconds(step) / BATCH, 1.0, count(vision), vision.native_grid[0] * vision.native_grid[1])
