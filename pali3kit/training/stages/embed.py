"""The frozen encoder's pooled features of a set, computed once for all evaluations of the encoder alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from pali3kit.data.records import Skips
from pali3kit.data.sets.contract import CaptionedSet, ImageSet, LabelledSet
from pali3kit.errors import DataError
from pali3kit.evals.batches import images_per_batch
from pali3kit.evals.features import Extractor, split_size
from pali3kit.models.classifier import Classifier
from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.plan.kinds.embed import Config
from pali3kit.plan.sets import ImageSetConfig
from pali3kit.registry import CAPTIONED, DUAL_ENCODER, LABELLED
from pali3kit.training.calibration import min_seconds, num_parameters
from pali3kit.training.components import Artifact, build_component, build_vision
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageContext, StageCost
from pali3kit.training.device import chosen_device, inference_precision
from pali3kit.training.distributed import Ranks
from pali3kit.training.feature_files import Arrays, create_features, publish_features, read_features
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run, profile_forward_on_meta
from pali3kit.vision.contract import VisionEncoder

CALIBRATION_IMAGES = 16
T = TypeVar("T")

EvaluationSet = LabelledSet | CaptionedSet


def run(config: Config, context: StageContext) -> None:
    """Write `<split>.safetensors` for each of `splits`: `features` float32 `[n,D]` and `labels`.

    Relabelled sets also have all `right` labels in one row, those of image `i` ending at `right_ends[i]`. A killed run
    is continued, on any number of ranks: rank 0 writes all rows in their order. Unreadable images are left out and
    listed in `skipped.txt`; then `rows` has the indices of the others.
    """
    ranks = Ranks(context.execution)
    with ranks.together(), inference_precision(context.execution.precision):
        dataset = _build_set(config)
        extractor = _extractor(_read_encoder(config, context), config.crop)
        skips = _ListedSkips(context)
        sizes = {split: dataset.size(split) for split in config.splits}
        for number, split in enumerate(sizes):
            before = sum(list(sizes.values())[:number])
            for done in _extract(extractor, dataset, split, context, skips, ranks):
                context.report(before + done, sum(sizes.values()))
        skips.judge()


class _ListedSkips(Skips):
    """Unusable images on rank 0, listed in `skipped.txt`, from which a continued run reads them."""

    def __init__(self, context: StageContext) -> None:
        super().__init__(context.execution.max_bad_fraction)
        self.file = context.folder / "skipped.txt"
        if context.writes and self.file.exists():
            for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
                self.note(line)

    def note(self, line: str) -> None:
        """Note an image once, even if it was met before and after a kill."""
        if line not in self.lines:
            super().note(line)

    def write(self) -> None:
        if self.lines:
            lines = "".join(f"{line}\n" for line in self.lines)
            self.file.write_text(lines, encoding="utf-8", errors="backslashreplace")


def _build_set(config: ImageSetConfig) -> EvaluationSet:
    """The labelled or captioned set of a config."""
    return build_captioned(config) if config.labelled is None else build_labelled(config)


def build_labelled(config: ImageSetConfig) -> LabelledSet:
    """The labelled set of a config."""
    assert config.labelled is not None
    return build_component(LABELLED, config.labelled, image_size=config.image_size)


def build_captioned(config: ImageSetConfig) -> CaptionedSet:
    """The captioned set of a config."""
    assert config.captioned is not None
    return build_component(CAPTIONED, config.captioned, image_size=config.image_size)


def _read_encoder(config: Config, context: StageContext) -> DualEncoder | Classifier | VisionEncoder:
    """The encoder or classifier of the parent, or the pretrained two-tower model that the config names."""
    encoder: DualEncoder | Classifier | VisionEncoder
    if config.dual_encoder is not None:
        encoder = build_component(DUAL_ENCODER, config.dual_encoder)
    elif "classifier" in context.parents:
        encoder = Artifact(context.parents["classifier"]).classifier()
    else:
        encoder = Artifact(context.parents["vision"]).vision()
    return encoder.eval().to(chosen_device())


def _extractor(encoder: DualEncoder | Classifier | VisionEncoder, crop: float) -> Extractor:
    """A feature extractor; with a `crop` of 1 it uses the preprocessing of the encoder's own weights."""
    return Extractor(encoder, crop if crop < 1 else None)


def _extract(
    extractor: Extractor, dataset: EvaluationSet, split: str, context: StageContext, skips: _ListedSkips, ranks: Ranks
) -> Iterator[int]:
    """Compute the missing rows of a split. Rank 0 writes them and yields the number of rows so far."""
    path, unfinished = (context.folder / f"{split}{end}" for end in (".safetensors", ".partial"))
    progress, size = context.folder / f"{split}.done", split_size(dataset, split)
    start, arrays = _resume(path, unfinished, progress, size, context) if context.writes else (0, {})
    start, finished = ranks.broadcast((start, path.exists()))
    skips.seen += start
    if finished:
        return
    saved = time.monotonic()
    for rows, features, reasons in _embedded(extractor, dataset, split, range(start, size), context, ranks):
        arrays = arrays or _allocate(unfinished, dataset, split, features.shape[1])
        arrays["features"][rows.start : rows.stop] = features
        arrays["usable"][rows.start : rows.stop] = [not reason for reason in reasons]
        _note(skips, reasons)
        if time.monotonic() - saved > context.execution.checkpoint_seconds:
            _save(arrays, progress, rows.stop, skips)
            saved = time.monotonic()
        yield rows.stop
    if not context.writes:
        return
    _save(arrays, progress, size, skips)
    if not arrays["usable"].any():
        why = f"the first: {skips.reasons}; all are listed in skipped.txt"
        raise DataError(f"none of the {size} images of the split '{split}' can be read, {why}")
    publish_features(unfinished, path)
    progress.unlink()


def _embedded(
    extractor: Extractor, dataset: EvaluationSet, split: str, rows: range, context: StageContext, ranks: Ranks
) -> Iterator[tuple[range, NDArray[np.float32], list[str]]]:
    """Batches of rows on rank 0: their features, and of each row the reason why its image is unusable, or ""."""
    size = images_per_batch(extractor.max_tokens, context.execution.max_tokens_per_microbatch)
    batches = [rows[first : first + size] for first in range(0, len(rows), size)]
    black = np.zeros((extractor.spec.size, extractor.spec.size, 3), np.uint8)
    with ThreadPoolExecutor(context.threads) as pool:
        images = _prefetched(pool, partial(_read_image, extractor, dataset, split), ranks.mine(batches))

        def embed(batch: range) -> tuple[range, NDArray[np.float32], list[str]]:
            found = next(images)
            features = extractor.embed([black if isinstance(one, DataError) else one for one in found])
            return batch, features, [str(one) if isinstance(one, DataError) else "" for one in found]

        yield from ranks.map(embed, batches)


def _resume(path: Path, unfinished: Path, progress: Path, size: int, context: StageContext) -> tuple[int, Arrays]:
    """The number of rows so far, and the unfinished file if there is one. A damaged file is discarded."""
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
            raise DataError(f"{unfinished}: it has {len(arrays['features'])} images")
    except (OSError, ValueError, KeyError, DataError) as error:
        context.say(f"starts {path.stem} again, since its unfinished file is damaged: {error}")
        path.unlink(missing_ok=True)
    return 0, {}


def _prefetched(pool: ThreadPoolExecutor, read: Callable[[int], T], batches: Sequence[range]) -> Iterator[list[T]]:
    """`read(row)` of all rows of each batch; threads read the next batch while one is used."""
    started = map(partial(pool.map, read), batches)
    following: Iterator[T] = next(started, iter(()))
    for _ in batches:
        current, following = following, next(started, iter(()))
        yield list(current)


def _read_image(extractor: Extractor, dataset: ImageSet, split: str, index: int) -> np.ndarray | DataError:
    """An image, prepared for the encoder, or the reason why it is unusable."""
    try:
        image = dataset.image(split, index)
    except DataError as error:
        return error
    try:
        return extractor.fit(image)
    except DataError as error:
        return DataError(f"{split} image {index}: {error}")


def _note(skips: _ListedSkips, reasons: Sequence[str]) -> None:
    """Count images and list unusable ones. Raises DataError if these are too many."""
    skips.seen += len(reasons)
    try:
        for reason in filter(None, reasons):
            skips.add(reason)
    except DataError:
        skips.write()
        raise


def _allocate(path: Path, dataset: EvaluationSet, split: str, width: int) -> Arrays:
    """Create the file, with all arrays that do not depend on images."""
    size = dataset.size(split)
    known: dict[str, NDArray[np.int64]] = {}
    if isinstance(dataset, LabelledSet):
        known["labels"] = dataset.labels(split)
        if (right := dataset.relabelled(split)) is not None:
            known["right"] = np.array([label for labels in right for label in labels], np.int64)
            known["right_ends"] = np.cumsum([len(labels) for labels in right])
    shapes: dict[str, Any] = {"features": (np.float32, (size, width))}
    shapes |= {name: (np.int64, array.shape) for name, array in known.items()}
    metadata = {"classes": json.dumps(list(getattr(dataset, "classes", ())))}
    arrays = create_features(path, {**shapes, "usable": (np.uint8, (size,))}, metadata)
    for name, array in known.items():
        arrays[name][:] = array
    return arrays


def _save(arrays: Arrays, progress: Path, done: int, skips: _ListedSkips) -> None:
    """Write the rows before their number, so that a continued run never counts rows that were not written."""
    for array in arrays.values():
        if isinstance(array, np.memmap):
            array.flush()
    skips.write()
    count_file = progress.with_suffix(".count")
    count_file.write_text(str(done))
    count_file.replace(progress)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost | None:
    """Seconds per image, reading it included; None for a pretrained two-tower model."""
    if config.dual_encoder is not None:
        return None
    if in_dry_run():
        raise DryRunFinished(_profile(json.dumps(sizes.vision), sizes.image_size))
    vision, split = build_vision(sizes.vision, sizes.image_size).eval(), config.splits[0]
    tokens, row_bytes = vision.native_grid[0] * vision.native_grid[1], _bytes_of_row(vision)
    dataset, extractor = _build_set(config), _extractor(vision, config.crop)
    some = range(min(CALIBRATION_IMAGES, dataset.size(split)))
    seconds = min_seconds(
        lambda number: extractor.embed([extractor.fit(dataset.image(split, index)) for index in some])
    )
    return StageCost(seconds / len(some), 1.0, num_parameters(vision), tokens, disk=row_bytes)


@cache
def _profile(vision: str, image_size: int) -> MemoryProfile:
    """The memory profile of an encoder, the same for all sets."""
    built = build_vision(json.loads(vision), image_size).eval()
    image = torch.zeros(1, 3, built.image_spec.size, built.image_spec.size)
    tokens = built.native_grid[0] * built.native_grid[1]
    found = profile_forward_on_meta(built, lambda: built.pooled(image), tokens, CALIBRATION_IMAGES)
    return replace(found, disk=_bytes_of_row(built))


def _bytes_of_row(vision: VisionEncoder) -> int:
    """The bytes of the features of an image."""
    return vision.width * np.dtype(np.float32).itemsize
