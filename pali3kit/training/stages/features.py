"""The frozen encoder's tokens of every image, computed once for all later stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap

from pali3kit.durable import reserve
from pali3kit.plan.kinds.features import Config
from pali3kit.training.calibration import min_seconds, num_parameters
from pali3kit.training.components import Artifact, build_source, build_vision
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.corpus import record_skipped
from pali3kit.training.device import chosen_device
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run, profile_forward_on_meta
from pali3kit.training.pretraining_images import image_or_black
from pali3kit.vision.contract import VisionEncoder

BATCH, TOKENS = 128, 1 << 16  # images of a batch at most, and tokens


@torch.inference_mode()
def run(config: Config, context: StageContext) -> None:
    """Write `<split>.npy`, fp16 `[images, N, D]`, and `grid.npy`, the rows and columns of the tokens.

    Images that cannot be used are listed in `skipped.txt`, and their numbers are in `<split>-bad.npy`; their tokens are
    those of a black image.
    """
    source = build_source(config.source, config.image_size)
    device = chosen_device()
    vision = Artifact(context.parents["vision"]).vision().to(device)
    split, total = config.split, config.count
    rows, columns = vision.native_grid
    np.save(context.folder / "grid.npy", (rows, columns))
    tokens = _allocate(context.folder / f"{split}.npy", (total, rows * columns, vision.width))
    batch, bad = _batch(vision), set[int]()
    with record_skipped(source, context):
        for start in range(0, total, batch):
            indices = range(start, min(start + batch, total))
            images = np.stack([image_or_black(source, vision.image_spec, split, index, bad) for index in indices])
            seen = vision(vision.image_spec.normalise(images).to(device))
            tokens[start : start + len(images)] = seen.numpy(force=True)
            context.report(start + len(images), total)
    tokens.flush()
    if bad:
        np.save(context.folder / f"{split}-bad.npy", sorted(bad))


def _batch(vision: VisionEncoder) -> int:
    """How many images are encoded at once."""
    return max(1, min(BATCH, TOKENS // (vision.native_grid[0] * vision.native_grid[1])))


def _allocate(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.float16]]:
    """A memory-mapped file of fp16 numbers to be filled in.

    Disk space is reserved at once: a full disk raises an error here, whereas writing to a mapped page later would kill
    the process.
    """
    array = open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
    with path.open("r+b") as file:
        reserve(file, array.offset, path.stat().st_size)
    return array


@torch.inference_mode()
def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per image, including its drawing."""
    source = build_source(config.source, config.image_size)
    vision = build_vision(sizes.vision, sizes.image_size).eval()
    side, batch = config.image_size, _batch(vision)
    tokens = vision.native_grid[0] * vision.native_grid[1]
    kept = tokens * vision.width * np.dtype(np.float16).itemsize
    if in_dry_run():
        weight = profile_forward_on_meta(vision, lambda: vision(torch.zeros(1, 3, side, side)), tokens, batch)
        raise DryRunFinished(replace(weight, disk=kept))

    def step(number: int) -> None:
        indices = range(number * batch, (number + 1) * batch)
        images = np.stack([image_or_black(source, vision.image_spec, "train", index, set()) for index in indices])
        vision(vision.image_spec.normalise(images))

    return StageCost(min_seconds(step) / batch, 1.0, num_parameters(vision), tokens, kept)
