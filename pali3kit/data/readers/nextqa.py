"""NExT-QA's open-ended questions (Xiao et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import mapping, read_json, typed
from pali3kit.data.lines import Lines
from pali3kit.data.reader import require_path
from pali3kit.data.readers.skipped import require_any_valid
from pali3kit.data.readers.videos import VideoEntry, VideoReader, with_endings
from pali3kit.data.record import Asked
from pali3kit.data.table import DelimitedTable
from pali3kit.data.video.sampling import FrameSampling, Rule
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

COLUMNS = ("video", "question", "answer", "qid", "type")
TYPES = {kind: kind for kind in ("CW", "CH", "TN", "TC", "DL", "DO", "DC", "DB")} | {"TP": "TN"}
"""Types of questions, by which scores are told: what comes before and after is one, as in the official scorer."""


class _NextQaReader(VideoReader):
    """A CSV of `video, question, answer, qid, type`. Optional are a `second` answer to some questions,
    `{video: {qid: answer}}`, and the place of each video below the folder, `{video: path}` (`map_vid_vidorID.json`).
    """

    def __init__(self, path: str, videos: str, sampling: FrameSampling, second: str | None, places: str | None) -> None:
        given = [require_path(each) for each in (second, places) if each]
        super().__init__(path, videos, sampling, *given)
        self._second, self._places = second, places

    @cached_property
    def second(self) -> Mapping[str, object]:
        return _content(self._second)

    @cached_property
    def places(self) -> Mapping[str, object]:
        return _content(self._places)

    @cached_property
    def entries(self) -> list[VideoEntry | DataError]:
        table = DelimitedTable(Lines(self.files[:1]), ",")
        if missing := [name for name in COLUMNS if name not in table.names]:
            raise DataError(f"{self.path}:1: no column '{missing[0]}' among {', '.join(table.names)}")
        found: list[VideoEntry | DataError] = []
        for row in range(len(table)):
            try:
                found.append(self._entry(table[row], table.where(row)))
            except DataError as error:
                found.append(error)
        return require_any_valid(found, f"{self.path}: no question")

    def _entry(self, row: Mapping[str, str], where: str) -> VideoEntry:
        video, question, answer, number, kind = (row[name].strip() for name in COLUMNS)
        if kind not in TYPES:
            raise DataError(f"{where}: 'type' should be one of {', '.join(TYPES)}, not '{kind[:40]}'.")
        if not (video and question and answer):
            raise DataError(f"{where}: its video, question or answer is blank.")
        others = mapping(self.second.get(video, {}), f"{where}: the second answers of video {video}")
        answers = [
            answer,
            *(typed(others[number], str, f"{where}: its second answer") for _ in [0] if number in others),
        ]
        place = typed(self.places.get(video, video), str, f"{where}: the place of video {video}")
        asked = Asked(question, tuple(answers), group=TYPES[kind], id=f"{video}_{number}")
        return VideoEntry(f"{self.path}: question {video}_{number}", with_endings(place), question=asked)


def _content(path: str | None) -> Mapping[str, object]:
    return {} if path is None else mapping(read_json(require_path(path)), path)


@SOURCE.register(
    "nextqa",
    "NExT-QA's open-ended questions about videos",
    annotations=("questions",),
    files=("path", "test", "test_second", "places"),
    folders=("videos", "test_videos"),
    tars=("videos", "test_videos"),
)
def _create(
    path: str,
    videos: str,
    test: str | None = None,
    test_videos: str | None = None,
    test_second: str | None = None,
    places: str | None = None,
    frames: int = 16,
    sampling: Rule = "middles",
    stride: int = 1,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `nextqa`: `train.csv` and, as `test`, `test.csv`, with its second answers in `test_second`.

    `places`: `map_vid_vidorID.json`, where videos lie as in VidOR. `frames`, `sampling` and `stride` say which frames
    of a video are read (`FrameSampling`).
    """
    rule = FrameSampling(frames, sampling, stride)
    held = _NextQaReader(test, test_videos or videos, rule, test_second, places) if test else None
    return AnnotatedSource(_NextQaReader(path, videos, rule, None, places), held)
