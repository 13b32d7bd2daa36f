"""ActivityNet Captions (Krishna et al. 2017), whose segments are given, and ActivityNet-QA (Yu et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, nonblank, numbers, read_json, typed
from pali3kit.data.reader import require_path
from pali3kit.data.readers.skipped import require_any_valid
from pali3kit.data.readers.videos import VideoEntry, VideoReader, with_endings
from pali3kit.data.record import Asked
from pali3kit.data.video.sampling import FrameSampling, Rule
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

TYPES = ("motion", "spatial", "temporal", "yes/no", "colour", "object", "location", "number", "other")


class _Captions(VideoReader):
    """A mapping of `v_<id>: timestamps[[start, end]], sentences[]`: each segment is a record of one caption."""

    @cached_property
    def entries(self) -> list[VideoEntry | DataError]:
        found: list[VideoEntry | DataError] = []
        content = {"videos": read_json(self.path)}
        for name, (where, video) in self.skipped.mapping_items(content, "videos", str(self.path)):
            try:
                found += self._segments(name, video, where)
            except DataError as error:
                found.append(error)
        return require_any_valid(found, f"{self.path}: no segment with a sentence")

    def _segments(self, name: str, video: Mapping[str, object], where: str) -> Iterator[VideoEntry]:
        times, sentences = field(video, "timestamps", list, where), field(video, "sentences", list, where)
        if len(times) != len(sentences):
            raise DataError(f"{where}: {len(times)} timestamps of {len(sentences)} sentences.")
        for number, (time, sentence) in enumerate(zip(times, sentences, strict=True)):
            start, end = numbers(time, 2, f"{where}: timestamps[{number}]")
            caption = typed(sentence, str, f"{where}: sentences[{number}]").strip()
            label = f"{self.path}: video {name}[{start:g}-{end:g}]"
            if caption:
                yield VideoEntry(label, with_endings(name), (caption,), None, start, end, f"{name}_{number}")
            else:
                self.skipped.note("a blank caption", label)


class _Questions(VideoReader):
    """Questions, a list of `question_id, video_name, question`, and `answers`, of `question_id, answer, type`; the
    video is `v_<video_name>`.
    """

    def __init__(self, path: str, answers: str, videos: str, sampling: FrameSampling) -> None:
        super().__init__(path, videos, sampling, require_path(answers))
        self.answers = self.files[1]

    @cached_property
    def entries(self) -> list[VideoEntry | DataError]:
        answers = {
            field(entry, "question_id", str, where): (where, entry)
            for where, entry in self.skipped.mappings(
                {"answers": read_json(self.answers)}, "answers", str(self.answers)
            )
        }
        found: list[VideoEntry | DataError] = []
        content = {"questions": read_json(self.path)}
        for where, entry in self.skipped.mappings(content, "questions", str(self.path)):
            try:
                number = field(entry, "question_id", str, where)
                if number not in answers:
                    raise DataError(f"{where}: question '{number[:40]}' has no answer in {self.answers}.")
                found.append(self._entry(number, entry, where, *answers[number]))
            except DataError as error:
                found.append(error)
        return require_any_valid(found, f"{self.path}: no question")

    def _entry(
        self, number: str, entry: Mapping[str, object], where: str, at: str, answer: Mapping[str, object]
    ) -> VideoEntry:
        kind = field(answer, "type", int, at)
        if not 0 <= kind < len(TYPES):
            raise DataError(f"{at}: 'type' should be 0 to {len(TYPES) - 1}, not {kind}.")
        name = nonblank(entry, "video_name", where)
        asked = Asked(
            nonblank(entry, "question", where), (nonblank(answer, "answer", at),), group=TYPES[kind], id=number
        )
        return VideoEntry(f"{self.path}: question {number}", with_endings(f"v_{name}"), question=asked)


@SOURCE.register(
    "activitynet_captions",
    "ActivityNet's captions of segments of videos",
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
    """The registry's `activitynet_captions`: `train.json` and, as `test`, `val_2.json`. Segments whose ends are
    exchanged are turned; what reaches beyond the video is cut.

    `frames`, `sampling` and `stride` say which frames of a segment are read (`FrameSampling`).
    """
    rule = FrameSampling(frames, sampling, stride)
    held = _Captions(test, test_videos or videos, rule) if test else None
    return AnnotatedSource(_Captions(path, videos, rule), held)


@SOURCE.register(
    "activitynet_qa",
    "ActivityNet-QA's questions about videos",
    annotations=("questions",),
    files=("path", "answers", "test", "test_answers"),
    folders=("videos", "test_videos"),
    tars=("videos", "test_videos"),
)
def _create_questions(
    path: str,
    answers: str,
    videos: str,
    test: str | None = None,
    test_answers: str | None = None,
    test_videos: str | None = None,
    frames: int = 16,
    sampling: Rule = "middles",
    stride: int = 1,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `activitynet_qa`: `<split>_q.json` and `<split>_a.json`. Frames are read as of
    `activitynet_captions`, from the whole video.
    """
    rule = FrameSampling(frames, sampling, stride)
    if test is not None and test_answers is None:
        raise DataError(f"{test}: its answers are in another file: name it, test_answers.")
    held = _Questions(test, test_answers, test_videos or videos, rule) if test and test_answers else None
    return AnnotatedSource(_Questions(path, answers, videos, rule), held)
