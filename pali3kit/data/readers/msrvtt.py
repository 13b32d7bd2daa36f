"""MSR-VTT: captions (Xu et al. 2016), and the questions that were generated from them (Xu et al. 2017)."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, mapping, nonblank, read_json
from pali3kit.data.readers.skipped import require_any_valid
from pali3kit.data.readers.videos import VideoEntry, VideoReader, with_endings
from pali3kit.data.record import Asked
from pali3kit.data.video.sampling import FrameSampling, Rule
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

SPLITS = {"train": ("train",), "test": ("test",)}  # of the files' own, which also have `validate`


class _Captions(VideoReader):
    """`videos[]: video_id, split` and `sentences[]: video_id, caption`; the split's videos that have a caption."""

    def __init__(self, path: str, videos: str, sampling: FrameSampling, split: str) -> None:
        super().__init__(path, videos, sampling)
        self.split = split

    @cached_property
    def entries(self) -> list[VideoEntry | DataError]:
        content = mapping(read_json(self.path), str(self.path))
        captions: dict[str, list[str]] = defaultdict(list)
        for where, sentence in self.skipped.mappings(content, "sentences", str(self.path)):
            try:
                captions[field(sentence, "video_id", str, where)].append(nonblank(sentence, "caption", where))
            except DataError as error:
                self.skipped.add_error(error)
        found: list[VideoEntry | DataError] = []
        for where, video in self.skipped.mappings(content, "videos", str(self.path)):
            try:
                name = field(video, "video_id", str, where)
                if field(video, "split", str, where) in SPLITS[self.split] and captions[name]:
                    label = f"{self.path}: video {name}"
                    found.append(VideoEntry(label, with_endings(name), tuple(captions[name]), id=name))
            except DataError as error:
                found.append(error)
        return require_any_valid(found, f"{self.path}: no video with a caption in the {self.split} split")


class _Questions(VideoReader):
    """A list of `id, question, answer, video_id`: number n is the video called `video<n>`."""

    @cached_property
    def entries(self) -> list[VideoEntry | DataError]:
        content = {"questions": read_json(self.path)}
        found: list[VideoEntry | DataError] = []
        for where, entry in self.skipped.mappings(content, "questions", str(self.path)):
            try:
                number, name = field(entry, "id", int, where), f"video{field(entry, 'video_id', int, where)}"
                question = Asked(nonblank(entry, "question", where), (nonblank(entry, "answer", where),), id=number)
                label = f"{self.path}: question {number}"
                found.append(VideoEntry(label, with_endings(name), question=question))
            except DataError as error:
                found.append(error)
        return require_any_valid(found, f"{self.path}: no question")


@SOURCE.register(
    "msrvtt",
    "MSR-VTT's captions of videos",
    annotations=("captions",),
    files=("path", "test"),
    folders=("videos", "test_videos"),
    tars=("videos", "test_videos"),
)
def _create_captions(
    path: str,
    videos: str,
    test: str | None = None,
    test_videos: str | None = None,
    frames: int = 16,
    sampling: Rule = "middles",
    stride: int = 1,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `msrvtt`: `*_videodatainfo.json`, the test split in a file of its own or in the same.

    `frames`, `sampling` and `stride` say which frames of a video are read (`FrameSampling`).
    """
    rule = FrameSampling(frames, sampling, stride)
    held = _Captions(test, test_videos or videos, rule, "test") if test else None
    return AnnotatedSource(_Captions(path, videos, rule, "train"), held)


@SOURCE.register(
    "msrvtt_qa",
    "MSR-VTT-QA's questions about videos",
    annotations=("questions",),
    files=("path", "test"),
    folders=("videos", "test_videos"),
    tars=("videos", "test_videos"),
)
def _create_questions(
    path: str,
    videos: str,
    test: str | None = None,
    test_videos: str | None = None,
    frames: int = 16,
    sampling: Rule = "middles",
    stride: int = 1,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `msrvtt_qa`: `train_qa.json` and, as `test`, `test_qa.json`. Frames are read as of `msrvtt`."""
    rule = FrameSampling(frames, sampling, stride)
    held = _Questions(test, test_videos or videos, rule) if test else None
    return AnnotatedSource(_Questions(path, videos, rule), held)
