"""The frozen encoder's tokens of every image, computed once for all later stages."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.lib.format import open_memmap

from pali3kit.data.source import Source
from pali3kit.durable import reserve, sync
from pali3kit.errors import Pali3Error
from pali3kit.evals.batches import images_per_batch
from pali3kit.plan.kinds.features import Config
from pali3kit.registry import SOURCE
from pali3kit.training.calibration import min_seconds, num_parameters
from pali3kit.training.components import Artifact, build_source, build_vision
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageContext, StageCost
from pali3kit.training.corpus import record_skipped
from pali3kit.training.device import chosen_device, inference_precision
from pali3kit.training.distributed import Ranks
from pali3kit.training.loader import loading
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run, profile_forward_on_meta
from pali3kit.training.pretraining_images import images_or_black
from pali3kit.vision.contract import VisionEncoder

WriteRows = Callable[[int, np.ndarray], None]
"""Writes `[n,...]` as the rows from a number on."""


@torch.inference_mode()
def run(config: Config, context: StageContext) -> None:
    """Write `<split>.npy`, fp16 `[images, N, D]`, and `grid.npy`, the rows and columns of the tokens.

    Images that cannot be used are listed in `skipped.txt`, and their numbers are in `<split>-bad.npy`; their tokens are
    those of a black image. Each rank writes the tokens that it computes, on a file system that all ranks share.
    """
    ranks = Ranks(context.execution)
    with ranks.together(), inference_precision(context.execution.precision):
        source = build_source(config.source, config.image_size)
        vision = Artifact(context.parents["vision"]).vision().to(chosen_device())
        path = context.folder / f"{config.split}.npy"
        rows, columns = vision.native_grid
        with ranks.together():  # no rank writes before the file is there
            if context.writes:
                np.save(context.folder / "grid.npy", (rows, columns))
                _allocate(path, (config.count, rows * columns, vision.width))
        with record_skipped(source, context), _writing(path) as write:
            bad = _encode(vision, source, config, write, context, ranks)
        if bad and context.writes:
            np.save(context.folder / f"{config.split}-bad.npy", bad)


def _encode(
    vision: VisionEncoder, source: Source, config: Config, write: WriteRows, context: StageContext, ranks: Ranks
) -> list[int]:
    """Write the tokens of this rank's batches, which `num_workers` processes read. Rank 0 counts all images and returns
    the numbers of bad ones.
    """
    size = _batch(vision, context.execution.max_tokens_per_microbatch)
    batches = [range(start, min(start + size, config.count)) for start in range(0, config.count, size)]
    mine, spec, device = ranks.mine(batches), vision.image_spec, chosen_device()

    def read(number: int) -> dict[str, object]:
        images, reasons = images_or_black(source, spec, config.split, mine[number])
        return {"images": images, "reasons": reasons}

    bad: list[int] = []
    done = 0
    with loading(read, 0, len(mine), context.execution.num_workers) as loaded:
        found = iter(loaded)

        def encode(batch: range) -> list[str]:
            images, reasons = _read(next(found))
            write(batch.start, vision(spec.normalise(images).to(device)).float().numpy(force=True))
            return reasons

        for reasons in ranks.map(encode, batches):
            bad += [done + place for place, reason in enumerate(reasons) if reason]
            if source.skips is not None:
                source.skips.count(reasons)
            done += len(reasons)
            context.report(done, config.count)
    return bad


def _read(loaded: object) -> tuple[np.ndarray, list[str]]:
    """Images that were loaded, and reasons. Raises the error in their place."""
    if isinstance(loaded, Pali3Error):
        raise loaded
    batch = cast("Mapping[str, Any]", loaded)
    return batch["images"].numpy(), batch["reasons"]


def _batch(vision: VisionEncoder, max_tokens: int = 0) -> int:
    """How many images are encoded at once."""
    return images_per_batch(vision.native_grid[0] * vision.native_grid[1], max_tokens)


def _allocate(path: Path, shape: tuple[int, ...]) -> None:
    """Create a file of fp16 numbers to be filled in. Its disk space is reserved: a full disk raises an error here."""
    array = open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
    with path.open("r+b") as file:
        reserve(file, array.offset, path.stat().st_size)


@contextmanager
def _writing(path: Path) -> Iterator[WriteRows]:
    """A function that writes rows of a `.npy` file in place; they are on the disk at the end.

    The file is not mapped but opened for writing alone: neighbouring rows, which other ranks write, share pages with
    ours, and a network file system then sends our bytes only.
    """
    array = np.load(path, mmap_mode="r")
    with os.fdopen(os.open(path, os.O_WRONLY), "wb") as file:

        def write(row: int, values: np.ndarray) -> None:
            file.seek(array.offset + row * array[0].nbytes)
            file.write(np.ascontiguousarray(values, array.dtype).data)

        yield write
    sync(path)


@torch.inference_mode()
def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per image, including its drawing."""
    if in_dry_run():
        raise DryRunFinished(_profile(json.dumps(sizes.vision), sizes.image_size, config.image_size))
    source = build_source(config.source, config.image_size)
    vision = build_vision(sizes.vision, sizes.image_size).eval()
    batch, tokens = _batch(vision), vision.native_grid[0] * vision.native_grid[1]

    def step(number: int) -> None:
        images, _ = images_or_black(source, vision.image_spec, "train", range(number * batch, (number + 1) * batch))
        vision(vision.image_spec.normalise(images))

    waits = not SOURCE.describe(str(config.source["name"])).embedded  # for files
    return StageCost(min_seconds(step, waits) / batch, 1.0, num_parameters(vision), tokens, _bytes_of_image(vision))


@cache
def _profile(vision: str, image_size: int, side: int) -> MemoryProfile:
    """The memory profile of an encoder of images of `side` pixels, the same for all sources."""
    built = build_vision(json.loads(vision), image_size).eval()
    tokens, images = built.native_grid[0] * built.native_grid[1], torch.zeros(1, 3, side, side)
    found = profile_forward_on_meta(built, lambda: built(images), tokens, _batch(built))
    return replace(found, disk=_bytes_of_image(built))


def _bytes_of_image(vision: VisionEncoder) -> int:
    """The bytes of the tokens of an image."""
    return vision.native_grid[0] * vision.native_grid[1] * vision.width * np.dtype(np.float16).itemsize
