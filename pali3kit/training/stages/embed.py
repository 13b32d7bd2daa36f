"""The frozen encoder's pooled features of a set, computed once: all evaluators of the encoder alone read them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from pali3kit.data.records import Skips
from pali3kit.data.sets.contract import CaptionedSet, LabelledSet, PictureSet
from pali3kit.errors import DataError
from pali3kit.evals.features import BATCH, Extractor, size_of
from pali3kit.models.classifier import Classifier
from pali3kit.models.towers import Towers
from pali3kit.plan.kinds.embed import Config
from pali3kit.plan.sets import Pictures
from pali3kit.registry import CAPTIONED, LABELLED, TOWERS
from pali3kit.training.calibration import count, fastest_seconds
from pali3kit.training.context import Cost, Sizes, StageContext
from pali3kit.training.device import chosen_device
from pali3kit.training.feature_files import Arrays, create_features, publish_features, read_features
from pali3kit.training.parts import build_part, build_vision, read_classifier, read_vision
from pali3kit.training.weighing import Weighed, rehearsing, weigh_forward
from pali3kit.vision.contract import VisionEncoder

SOME = 16  # pictures that are timed
T = TypeVar("T")

Pictured = LabelledSet | CaptionedSet


def run(config: Config, context: StageContext) -> None:
    """Write `<split>.safetensors` of each of `splits`: `features` float32 `[n,D]` and `labels`.

    A set that was labelled again has all `right` labels in one row, those of picture `i` ending at `right_ends[i]`.
    What a killed run has done is kept. Pictures that cannot be read are left out and listed in `skipped.txt`; then
    `rows` has the numbers of the others.
    """
    pictures = build_set(config)
    encoder = _read_encoder(config, context)
    extractor, skips = _extractor(encoder, config.crop), _Listed(context)
    sizes = {split: pictures.size(split) for split in config.splits}
    for number, split in enumerate(sizes):
        before = sum(list(sizes.values())[:number])
        for done in _fill(extractor, pictures, split, context, skips):
            context.report(before + done, sum(sizes.values()))
    skips.judge()


class _Listed(Skips):
    """Pictures that cannot be used, kept in `skipped.txt` for whoever continues."""

    def __init__(self, context: StageContext) -> None:
        super().__init__(context.execution.most_bad)
        self.file = context.folder / "skipped.txt"
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
                self.note(line)

    def note(self, line: str) -> None:
        """Note a picture once, though it was met before a kill and after it."""
        if line not in self.lines:
            super().note(line)

    def write(self) -> None:
        if self.lines:
            lines = "".join(f"{line}\n" for line in self.lines)
            self.file.write_text(lines, encoding="utf-8", errors="backslashreplace")


def build_set(config: Pictures) -> Pictured:
    """The labelled or captioned set of a config."""
    return build_captioned(config) if config.labelled is None else build_labelled(config)


def build_labelled(config: Pictures) -> LabelledSet:
    """The labelled set of a config."""
    assert config.labelled is not None
    return build_part(LABELLED, config.labelled, image_size=config.image_size)


def build_captioned(config: Pictures) -> CaptionedSet:
    """The captioned set of a config."""
    assert config.captioned is not None
    return build_part(CAPTIONED, config.captioned, image_size=config.image_size)


def _read_encoder(config: Config, context: StageContext) -> Towers | Classifier | VisionEncoder:
    """The encoder of the parent, or its classifier, or the whole model that the config names, on the device."""
    encoder: Towers | Classifier | VisionEncoder
    if config.towers is not None:
        encoder = build_part(TOWERS, config.towers)
    elif "classifier" in context.parents:
        encoder = read_classifier(context.parents["classifier"])
    else:
        encoder = read_vision(context.parents["vision"])
    return encoder.eval().to(chosen_device())


def _extractor(encoder: Towers | Classifier | VisionEncoder, crop: float) -> Extractor:
    """With a `crop` of 1 pictures are prepared as the encoder's own weights want them."""
    return Extractor(encoder, crop if crop < 1 else None)


def _fill(extractor: Extractor, pictures: Pictured, split: str, context: StageContext, skips: _Listed) -> Iterator[int]:
    """Compute the rows of a split that are not there yet; yield how many are."""
    path, unfinished = (context.folder / f"{split}{end}" for end in (".safetensors", ".partial"))
    progress, size = context.folder / f"{split}.done", size_of(pictures, split)
    start, arrays = _begun(path, unfinished, progress, size, context)
    skips.seen += start
    if path.exists():
        return
    saved = time.monotonic()
    black = np.zeros((extractor.spec.size, extractor.spec.size, 3), np.uint8)
    with ThreadPoolExecutor(context.threads) as pool:
        for numbers, found in _ahead(pool, partial(_picture, extractor, pictures, split), range(start, size)):
            features = extractor.embed([black if isinstance(one, DataError) else one for one in found])
            arrays = arrays or _allocate(unfinished, pictures, split, features.shape[1])
            rows = slice(numbers.start, numbers.stop)
            arrays["features"][rows] = features
            arrays["usable"][rows] = [not isinstance(one, DataError) for one in found]
            _note(skips, found)
            if time.monotonic() - saved > context.execution.checkpoint_seconds:
                _save(arrays, progress, rows.stop, skips)
                saved = time.monotonic()
            yield rows.stop
    _save(arrays, progress, size, skips)
    if not arrays["usable"].any():
        told = f"{skips.reasons}; all are listed in skipped.txt"
        raise DataError(f"none of the {size} pictures of the split '{split}' can be read, the first: {told}")
    publish_features(unfinished, path)
    progress.unlink()


def _begun(path: Path, unfinished: Path, progress: Path, size: int, context: StageContext) -> tuple[int, Arrays]:
    """How many rows are there already, and the file that they are in, if that is unfinished. Damage is begun anew."""
    try:
        if path.exists():
            read_features(path)
            for file in (unfinished, progress):
                file.unlink(missing_ok=True)
            return size, {}
        if progress.exists():
            start, arrays = int(progress.read_text()), read_features(unfinished, "r+")[0]
            if 0 <= start <= size == len(arrays["features"]) == len(arrays["usable"]):
                return start, arrays
            raise DataError(f"{unfinished}: it is of {len(arrays['features'])} pictures")
    except (OSError, ValueError, KeyError, DataError) as error:
        context.say(f"begins {path.stem} anew, since what was done is damaged: {error}")
        path.unlink(missing_ok=True)
    return 0, {}


def _ahead(pool: ThreadPoolExecutor, read: Callable[[int], T], rows: range) -> Iterator[tuple[range, list[T]]]:
    """What is read of `rows`, a batch at a time; while one is used, the threads read the next."""
    batches = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    started = map(partial(pool.map, read), batches)
    following: Iterator[T] = next(started, iter(()))
    for batch in batches:
        current, following = following, next(started, iter(()))
        yield batch, list(current)


def _picture(extractor: Extractor, pictures: PictureSet, split: str, index: int) -> np.ndarray | DataError:
    """A picture as the encoder takes it, or why it cannot be used."""
    try:
        image = pictures.image(split, index)
    except DataError as error:
        return error
    try:
        return extractor.fit(image)
    except DataError as error:
        return DataError(f"{split} picture {index}: {error}")


def _note(skips: _Listed, found: Sequence[np.ndarray | DataError]) -> None:
    """Count pictures, and list those that cannot be used. Raises DataError where these are too many."""
    skips.seen += len(found)
    try:
        for one in found:
            if isinstance(one, DataError):
                skips.add(str(one))
    except DataError:
        skips.write()
        raise


def _allocate(path: Path, pictures: Pictured, split: str, width: int) -> Arrays:
    """The file, with all that is known before a picture is seen."""
    size = pictures.size(split)
    known: dict[str, NDArray[np.int64]] = {}
    if isinstance(pictures, LabelledSet):
        known["labels"] = pictures.labels(split)
        if (right := pictures.relabelled(split)) is not None:
            known["right"] = np.array([label for labels in right for label in labels], np.int64)
            known["right_ends"] = np.cumsum([len(labels) for labels in right])
    shapes: dict[str, Any] = {"features": (np.float32, (size, width))}
    shapes |= {name: (np.int64, array.shape) for name, array in known.items()}
    told = {"classes": json.dumps(list(getattr(pictures, "classes", ())))}
    arrays = create_features(path, {**shapes, "usable": (np.uint8, (size,))}, told)
    for name, array in known.items():
        arrays[name][:] = array
    return arrays


def _save(arrays: Arrays, progress: Path, done: int, skips: _Listed) -> None:
    """Rows first, then how many there are: whoever continues must not trust rows that were never written."""
    for array in arrays.values():
        if isinstance(array, np.memmap):
            array.flush()
    skips.write()
    count_file = progress.with_suffix(".count")
    count_file.write_text(str(done))
    count_file.replace(progress)


def calibrate(config: Config, sizes: Sizes) -> Cost | None:
    """Seconds per picture, drawing it included; None of somebody's whole model, which is not fetched for that."""
    if config.towers is not None:
        return None
    vision, split = build_vision(sizes.vision, sizes.image_size).eval(), config.splits[0]
    spec, tokens = vision.image_spec, vision.native_grid[0] * vision.native_grid[1]
    kept = vision.width * np.dtype(np.float32).itemsize
    if rehearsing():
        picture = torch.zeros(1, 3, spec.size, spec.size)
        raise Weighed(replace(weigh_forward(vision, lambda: vision.pooled(picture), tokens, SOME), disk=kept))
    pictures, extractor = build_set(config), _extractor(vision, config.crop)
    some = range(min(SOME, pictures.size(split)))
    seconds = fastest_seconds(
        lambda number: extractor.embed([extractor.fit(pictures.image(split, index)) for index in some])
    )
    return Cost(seconds / len(some), 1.0, count(vision), tokens, disk=kept)
