"""The frozen encoder's pooled features of a set, computed once: all evaluators of the encoder alone read them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pali3kit.data.records import Skips
from pali3kit.data.sets.contract import PictureSet
from pali3kit.errors import DataError
from pali3kit.evals.features import BATCH, device_of, function_of, preparation
from pali3kit.registry import CAPTIONED, LABELLED, TOWERS
from pali3kit.training.calibration import count, fastest_seconds
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.device import chosen_device
from pali3kit.training.feature_files import Arrays, create, read
from pali3kit.training.parts import build_part, build_vision, read_classifier, read_vision

BLACK = np.zeros((8, 8, 3), np.uint8)  # instead of a picture that cannot be used


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `<split>.safetensors` of each of `splits`: `features` float32 `[n,D]`, `labels`, and which are `usable`.

    A set that was labelled again has all `right` labels in one row, those of picture `i` ending at `right_ends[i]`.
    What a killed run has done is kept. Pictures that cannot be read are listed in `skipped.txt`.
    """
    pictures, listed = build_set(config), context.folder / "skipped.txt"
    skips = Skips(context.execution.most_bad)
    if listed.exists():
        skips.lines |= dict.fromkeys(listed.read_text(encoding="utf-8").splitlines())
    embed = _embedder(read_encoder(config, context), config["crop"])
    sizes = {split: pictures.size(split) for split in config["splits"]}
    try:
        for number, split in enumerate(sizes):
            before = sum(list(sizes.values())[:number])
            for done in _fill(embed, pictures, split, context, skips):
                context.report(before + done, sum(sizes.values()))
    finally:
        if skips.lines:
            lines = "".join(f"{line}\n" for line in skips.lines)
            listed.write_text(lines, encoding="utf-8", errors="backslashreplace")


def build_set(config: dict[str, Any]) -> Any:
    """The labelled or captioned set of a config."""
    registry, part = (LABELLED, config["labelled"]) if "labelled" in config else (CAPTIONED, config["captioned"])
    return build_part(registry, part, image_size=config["image_size"])


def read_encoder(config: dict[str, Any], context: StageContext) -> Any:
    """The encoder of the parent, or its classifier, or the whole model that the config names, on the device."""
    if "towers" in config:
        encoder = build_part(TOWERS, config["towers"])
    elif "classifier" in context.parents:
        encoder = read_classifier(context.parents["classifier"])
    else:
        encoder = read_vision(context.parents["vision"])
    return encoder.eval().to(chosen_device())


Embed = Callable[[list[np.ndarray]], NDArray[np.float32]]


def _embedder(encoder: Any, crop: float) -> Embed:
    """From pictures of any sizes to their features."""
    function, device = function_of(encoder), device_of(encoder)
    prepare = preparation(encoder.image_spec, crop if crop < 1 else None)

    @torch.inference_mode()
    def embed(images: list[np.ndarray]) -> NDArray[np.float32]:
        return function(prepare(images).to(device)).float().numpy(force=True)

    return embed


def _fill(embed: Embed, pictures: Any, split: str, context: StageContext, skips: Skips) -> Iterator[int]:
    """Compute the rows of a split that are not there yet; yield how many are."""
    path, partial = (context.folder / f"{split}{end}" for end in (".safetensors", ".partial"))
    progress = context.folder / f"{split}.done"
    if path.exists():
        return
    size, saved = pictures.size(split), time.monotonic()
    if not size:
        raise DataError(f"the set has no pictures in its split '{split}'")
    start = int(progress.read_text()) if progress.exists() else 0
    arrays = read(partial, "r+")[0] if start else None
    with ThreadPoolExecutor(context.threads) as pool:
        for first in range(start, size, BATCH):
            images = list(
                pool.map(lambda index: _picture(pictures, split, index, skips), range(first, min(first + BATCH, size)))
            )
            features = embed([BLACK if image is None else image for image in images])
            if arrays is None:
                arrays = _allocate(partial, pictures, split, features.shape[1])
            rows = slice(first, first + len(images))
            arrays["features"][rows] = features
            arrays["usable"][rows] = [image is not None for image in images]
            if time.monotonic() - saved > context.execution.checkpoint_seconds:
                _save(arrays, progress, rows.stop)
                saved = time.monotonic()
            yield rows.stop
    _save(arrays or {}, progress, size)
    partial.replace(path)
    progress.unlink()


def _picture(pictures: PictureSet, split: str, index: int, skips: Skips) -> np.ndarray | None:
    """A picture, or None for one that cannot be used, which is noted."""
    skips.seen += 1
    try:
        return pictures.image(split, index)
    except DataError as error:
        skips.add(str(error))
        return None


def _allocate(path: Path, pictures: Any, split: str, width: int) -> Arrays:
    """The file, with all that is known before a picture is seen."""
    size = pictures.size(split)
    known: dict[str, NDArray[np.int64]] = {}
    if hasattr(pictures, "labels"):
        known["labels"] = pictures.labels(split)
        if (right := pictures.relabelled(split)) is not None:
            known["right"] = np.array([label for labels in right for label in labels], np.int64)
            known["right_ends"] = np.cumsum([len(labels) for labels in right])
    shapes: dict[str, Any] = {"features": (np.float32, (size, width))}
    shapes |= {name: (np.int64, array.shape) for name, array in known.items()}
    told = {"classes": json.dumps(list(getattr(pictures, "classes", ())))}
    arrays = create(path, {**shapes, "usable": (np.uint8, (size,))}, told)
    for name, array in known.items():
        arrays[name][:] = array
    return arrays


def _save(arrays: Arrays, progress: Path, done: int) -> None:
    """Rows first, then how many there are: whoever continues must not trust rows that were never written."""
    for array in arrays.values():
        if isinstance(array, np.memmap):
            array.flush()
    partial = progress.with_suffix(".count")
    partial.write_text(str(done))
    partial.replace(progress)


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """Seconds per picture, drawing it included."""
    encoder = build_part(TOWERS, config["towers"]).eval() if "towers" in config else build_vision(config).eval()
    pictures, embed = build_set(config), _embedder(encoder, config["crop"])
    split = config["splits"][0]
    some = range(min(BATCH, pictures.size(split)))
    seconds = fastest_seconds(lambda number: embed([pictures.image(split, index) for index in some]))
    return Cost(seconds / len(some), 1.0, count(encoder), disk=4 * getattr(encoder, "width", 0))
