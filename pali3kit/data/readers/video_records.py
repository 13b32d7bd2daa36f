"""Your own annotated videos: a JSON Lines file with one video, or a segment of one, on each line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pali3kit.config.paths import TAR
from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, typed
from pali3kit.data.readers.records import RecordsReader, RecordsSource
from pali3kit.data.readers.records_fields import Entry, LineParser
from pali3kit.data.video.clip import Clip
from pali3kit.data.video.decode import VERSION
from pali3kit.data.video.sampling import FrameSampling, Rule
from pali3kit.data.video.tars import VideoTars
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.storage.remote import AnyPath


class _VideoParser(LineParser):
    """A line names a `video` in the folder or the tars, a file or a folder of frames, and perhaps the `start` and `end`
    of a segment in seconds.
    """

    def __init__(self, folder: AnyPath, videos: AnyPath | VideoTars, language: str, sampling: FrameSampling) -> None:
        super().__init__(folder, language, sampling.frames)
        self.videos, self.sampling = videos, sampling

    def images(self, entry: Entry, where: str) -> Sequence[Callable[[], bytes]]:
        [path] = self.paths(entry, where)
        start, end = (
            None if entry.get(name) is None else typed(entry[name], float, f"{where}: '{name}'")
            for name in ("start", "end")
        )
        return Clip(self.videos, (path,), self.sampling, start, end).images()

    def count(self, entry: Entry) -> int:
        return self.sampling.frames

    def paths(self, entry: Entry, where: str) -> Sequence[str]:
        return [field(entry, "video", str, where)]


class _VideoRecordsReader(RecordsReader):
    """The lines of `RecordsReader`, with a video in the place of images: its frames are the record's images."""

    def __init__(
        self,
        path: str,
        videos: str | None,
        sampling: FrameSampling,
        language: str,
        split: str | None,
        single: bool = False,
        held_out: str | None = None,
    ) -> None:
        tars = VideoTars(videos) if videos is not None and videos.endswith(TAR) else None
        super().__init__(path, None if tars else videos, language, split, single, held_out=held_out)
        self.version = RecordsReader.version + VERSION - 1  # raised with either
        self.videos: AnyPath | VideoTars = tars or self.image_folder
        self.parser = _VideoParser(self.image_folder, self.videos, language, sampling)

    @property
    def damages(self) -> Sequence[str]:
        return self.videos.damages if isinstance(self.videos, VideoTars) else ()


@SOURCE.register(
    "videos",
    "your own: JSON lines of videos with captions and questions",
    annotations=("captions", "questions"),
    files=("path", "test"),
    folders=("videos", "test_videos"),
    tars=("videos", "test_videos"),
    test_options=("test", "test_split"),
)
def _create(
    path: str,
    videos: str | None = None,
    language: str = "en",
    split: str | None = None,
    test: str | None = None,
    test_videos: str | None = None,
    test_split: str | None = None,
    frames: int = 16,
    sampling: Rule = "middles",
    stride: int = 1,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `videos`: as `records`, with `video`, and perhaps `start` and `end` in seconds, for `image`.

    `frames`, `sampling` and `stride` say which frames of a video are read (`FrameSampling`).
    """
    own, same, rule = test or path, test is None and test_split is not None, FrameSampling(frames, sampling, stride)
    if same and split == test_split:
        raise DataError(f"{path}: split and test_split are both '{split}': the test videos would be trained on.")
    train = _VideoRecordsReader(path, videos, rule, language, split, held_out=test_split if same else None)
    if not (test or same):
        return RecordsSource(train)
    folder = videos if same else test_videos or videos
    return RecordsSource(train, _VideoRecordsReader(own, folder, rule, language, test_split, True))
