"""Clips of the embedded world as a source: captions and questions that need more than one frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import get_args

import numpy as np

from pali3kit.config.world import Artist
from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.reader import Files
from pali3kit.data.record import Asked, Record
from pali3kit.data.video import decode
from pali3kit.data.world import atlas
from pali3kit.data.world.classes import scene_classes
from pali3kit.data.world.clip_codec import CODEC_VERSION, Codec, coded_frames
from pali3kit.data.world.clips import CLIPS_VERSION, WorldClip, compose_clip
from pali3kit.errors import DataError, choose
from pali3kit.images.ppm import ppm
from pali3kit.registry import SOURCE

MIN_SIZE = 64  # pixels: printed words are legible


class ClipsReader(Files):
    """The first `count` clips of a split, each with its frames at the middles of equal parts of its time: drawn, or as
    a `codec` leaves them.
    """

    def __init__(
        self,
        split: str,
        count: int,
        frames: int,
        size: int,
        objects: int,
        artist: str,
        seed: int,
        codec: Codec | None = None,
    ) -> None:
        super().__init__()
        self.split, self.count, self.frames, self.codec = split, count, frames, codec
        self.size, self.artist, self.seed, self.emoji = size, artist, seed, scene_classes(objects)

    @property
    def image_counts(self) -> np.ndarray | None:
        return np.full(self.count, self.frames) if self.frames > 1 else None

    def __len__(self) -> int:
        return self.count

    def clip(self, number: int) -> WorldClip:
        return compose_clip(self.emoji, self.artist, self.size, self.seed, self.split, number)

    def record(self, number: int) -> Record:
        clip = self.clip(number)
        read_image, *more = self._images(clip)
        return Record(
            f"clip {self.split}/{number}",
            read_image,
            captions={"en": clip.captions},
            questions=(Asked(clip.question, (clip.answer,), group=clip.kind),),
            more_images=tuple(more),
            attributes={"kind": clip.kind},
        )

    def _images(self, clip: WorldClip) -> Iterator[Callable[[], bytes]]:
        for frame in range(self.frames):
            if self.codec is None:
                yield partial(_drawn, clip, (2 * frame + 1) / (2 * self.frames))
            else:
                yield partial(_decoded, clip, self.codec, self.frames, frame)


def _drawn(clip: WorldClip, time: float) -> bytes:
    return ppm(clip.frame(time))


def _decoded(clip: WorldClip, codec: Codec, frames: int, frame: int) -> bytes:
    return coded_frames(clip, codec, frames)[frame]


class _ClipsSource(AnnotatedSource):
    """An `AnnotatedSource` over `ClipsReader`s, whose digest is that of the drawings, the generator and the options."""

    def __init__(self, train: ClipsReader, test: ClipsReader) -> None:
        super().__init__(train, test)
        told = [[each.split, each.count, each.frames, each.size, len(each.emoji), each.artist, each.seed]
                for each in (train, test)]  # fmt: skip
        coded = [] if train.codec is None else [train.codec, CODEC_VERSION, decode.VERSION]
        content = json.dumps([atlas.assets_digest(), CLIPS_VERSION, told, *coded])
        self.digest = hashlib.sha256(content.encode()).hexdigest()


@SOURCE.register(
    "clips",
    "embedded clips of real emoji that move, no network",
    annotations=("captions", "questions"),
    attributes={"kind": ("way", "turn", "swap", "order", "leave", "count", "sign")},
    option_needs={"codec": ("av",)},
    extra="video",
    embedded=True,
    drawn="scenes of the embedded world whose things move, enter, leave and change",
)
def _create(
    image_size: int = 64,
    objects: int = 40,
    artist: Artist = "noto",
    seed: int = 0,
    frames: int = 16,
    clips: int = 4000,
    test_clips: int = 500,
    codec: Codec | None = None,
) -> _ClipsSource:
    """The registry's `clips`: `clips` of them to train on and `test_clips` to test on, with `frames` frames each.

    `objects` and `artist` as of `world`. With a `codec`, `h264` or `vp9`, each clip is written as a video of 32 frames
    when it is read, and decoded as published videos are; without one, whatever is installed, frames are drawn.
    """
    if image_size < MIN_SIZE:
        raise DataError(f"clips.image_size: {image_size}: must be at least {MIN_SIZE} for printed words to be legible")
    if not (objects > 1 and frames > 0 and clips > 0 and test_clips > 0):
        raise DataError("clips need at least two objects, and one frame, one clip and one test clip")
    if codec is not None and codec not in get_args(Codec):
        raise DataError(f"clips.codec: there is none called '{codec}'.{choose(codec, get_args(Codec))}")
    if codec is not None and image_size % 2:
        raise DataError(f"clips.image_size: {image_size}: must be even with a codec, which halves the size of colours")
    shared = frames, image_size, objects, artist, seed, codec
    return _ClipsSource(ClipsReader("train", clips, *shared), ClipsReader("test", test_clips, *shared))
