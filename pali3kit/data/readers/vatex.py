"""VATEX: ten captions of ten seconds of a video (Wang et al. 2019). Its Chinese captions are not read."""

from __future__ import annotations

from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, read_json, typed
from pali3kit.data.readers.skipped import require_any_valid
from pali3kit.data.readers.videos import VideoEntry, VideoReader, with_endings
from pali3kit.data.video.sampling import FrameSampling, Rule
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE


class _VatexReader(VideoReader):
    """A list of `videoID, enCap[]`. An id is `<YouTube's id>_<start>_<end>` in seconds of six digits; the video is
    `<videoID>.mp4`, cut to these, or else `<YouTube's id>.mp4`, the whole one, with `whole`.
    """

    def __init__(self, path: str, videos: str, sampling: FrameSampling, whole: bool = False) -> None:
        super().__init__(path, videos, sampling)
        self.whole = whole

    @cached_property
    def entries(self) -> list[VideoEntry | DataError]:
        content = {"videos": read_json(self.path)}
        found: list[VideoEntry | DataError] = []
        for where, video in self.skipped.mappings(content, "videos", str(self.path)):
            try:
                name = field(video, "videoID", str, where)
                captions = tuple(typed(text, str, f"{where}: a caption") for text in field(video, "enCap", list, where))
                if not any(map(str.strip, captions)):
                    raise DataError(f"{where}: 'enCap' has no caption.")
                found.append(self._entry(name, captions, where))
            except DataError as error:
                found.append(error)
        return require_any_valid(found, f"{self.path}: no video with a caption")

    def _entry(self, name: str, captions: tuple[str, ...], where: str) -> VideoEntry:
        label = f"{self.path}: video {name}"
        if not self.whole:
            return VideoEntry(label, with_endings(name), captions, id=name)
        stem, *seconds = name.rsplit("_", 2)
        if len(seconds) != 2 or not all(each.isascii() and each.isdigit() for each in seconds):
            raise DataError(f"{where}: 'videoID' should end with its seconds, as ..._000027_000037, not '{name[:40]}'.")
        start, end = map(float, seconds)
        return VideoEntry(label, with_endings(stem), captions, None, start, end, name)


@SOURCE.register(
    "vatex",
    "VATEX's English captions of videos",
    annotations=("captions",),
    files=("path", "test"),
    folders=("videos", "test_videos"),
    tars=("videos", "test_videos"),
)
def _create(
    path: str,
    videos: str,
    test: str | None = None,
    test_videos: str | None = None,
    whole: bool = False,
    frames: int = 16,
    sampling: Rule = "middles",
    stride: int = 1,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `vatex`: `vatex_*_v1.0.json`. `whole`: videos are whole, and their ten seconds are cut here.

    `frames`, `sampling` and `stride` say which frames are read (`FrameSampling`).
    """
    rule = FrameSampling(frames, sampling, stride)
    held = _VatexReader(test, test_videos or videos, rule, whole) if test else None
    return AnnotatedSource(_VatexReader(path, videos, rule, whole), held)
