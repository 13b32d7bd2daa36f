"""Malformed entries of the sets of videos: a record that cannot be used says where and why, the others are read."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.source import Source
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from tests.clips import number_of, write_clip


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., AnnotatedSource]:
    """Writes a file of annotations, and opens it as the train split."""
    (tmp_path / "videos").mkdir()

    def open_source(name: str, content: Any, **options: object) -> AnnotatedSource:
        path = tmp_path / "set"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        source = SOURCE.build(name, path=str(path), videos=str(tmp_path / "videos"), frames=2, **options)
        assert isinstance(source, AnnotatedSource)
        return source

    return open_source


def told(source: AnnotatedSource) -> list[str]:
    """What is wrong with records and entries of the train split, without the file's name."""
    reader, found = source.readers["train"], []
    for number in range(len(reader)):
        try:
            reader.record(number)
        except DataError as error:
            found.append(str(error))
    return [line.replace(str(reader.files[0]), "set") for line in [*found, *reader.damages]]


def seen(source: Source, frames: int) -> tuple[list[int], list[str]]:
    """The numbers drawn in the frames of the train split, and what is wrong with those that cannot be read."""
    numbers, found = [], []
    for index in range(frames):
        try:
            numbers.append(number_of(source.image("train", index)))
        except DataError as error:
            found.append(str(error))
    return numbers, found


GOOD_VIDEO = {"video_id": "video1", "split": "train"}
GOOD = {"id": 1, "question": "what?", "answer": "dog", "video_id": 1}
HEAD = "video,question,answer,qid,type\n"


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("msrvtt",
         {"videos": [GOOD_VIDEO, {"split": "train"}], "sentences": [{"video_id": "video1", "caption": "a dog"}] * 30
          + [{"video_id": "video1", "caption": " "}]},
         ["set: videos[1]: no field 'video_id'. Choose from split.", "set: sentences[30]: 'caption' is blank."]),
        ("msrvtt_qa", [GOOD, {**GOOD, "video_id": "1"}, {**GOOD, "answer": ""}],
         ["set: questions[1]: 'video_id' should be a whole number, not the text '1'.",
          "set: questions[2]: 'answer' is blank."]),
        ("vatex", [{"videoID": "a_000001_000011", "enCap": ["A dog."]}, {"videoID": "b_000001_000011", "enCap": []}],
         ["set: videos[1]: 'enCap' has no caption."]),
        ("activitynet_captions",
         {"v_a": {"timestamps": [[0, 1], [1, 2]], "sentences": ["One.", "  "]},
          "v_b": {"timestamps": [[0, 1]], "sentences": []}, "v_c": {"timestamps": [[0, "1"]], "sentences": ["x"]}},
         ["set: videos[v_b]: 1 timestamps of 0 sentences.",
          "set: videos[v_c]: timestamps[0][1] should be a number, not the text '1'.",
          "set: video v_a[1-2]: a blank caption is left out, one of 1"]),
        ("nextqa", HEAD + "1,is it,no,0,DB\n2,is it,no,0,XX\n3,,no,0,DB\n4,is it\n",
         ["set:3: 'type' should be one of CW, CH, TN, TC, DL, DO, DC, DB, TP, not 'XX'.",
          "set:4: its video, question or answer is blank.",
          "set:5: 2 columns, where the first line has 5"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(
    name: str, content: Any, wrong: list[str], opened: Callable[..., AnnotatedSource]
) -> None:
    assert told(opened(name, content)) == wrong


def test_questions_need_their_answers(opened: Callable[..., AnnotatedSource], tmp_path: Path) -> None:
    answers = tmp_path / "answers"
    answers.write_text(json.dumps([{"question_id": "v_a_1", "answer": "no", "type": 9}]))
    asked = [{"video_name": "a", "question": "is it", "question_id": f"v_a_{n}"} for n in (1, 2)]
    source = opened("activitynet_qa", [*asked, {**asked[0], "question_id": "v_a_3"}], answers=str(answers))
    with pytest.raises(DataError, match="'type' should be 0 to 8, not 9"):
        len(source.readers["train"])  # none is valid: the first error
    answers.write_text(json.dumps([{"question_id": "v_a_1", "answer": "no", "type": 3}]))
    source = opened("activitynet_qa", asked, answers=str(answers))
    assert told(source) == [f"set: questions[1]: question 'v_a_2' has no answer in {answers}."]


def test_files_without_any_record_are_refused(opened: Callable[..., AnnotatedSource]) -> None:
    for name, content, message in (
        ("msrvtt", {"videos": [], "sentences": []}, "no video with a caption in the train split"),
        ("nextqa", "video,question\n1,what\n", "no column 'answer' among video, question"),
        ("vatex", {"a": 1}, "should be a list"),
    ):
        with pytest.raises(DataError, match=message):
            len(opened(name, content).readers["train"])


def test_a_video_that_is_not_there_is_skipped(opened: Callable[..., AnnotatedSource], tmp_path: Path) -> None:
    source = opened("msrvtt_qa", [GOOD, {**GOOD, "id": 2, "video_id": 2}])
    write_clip(tmp_path / "videos/video1.mkv", 20)
    numbers, found = seen(source, 4)
    assert sorted(numbers) == [5, 15] and len(found) == 2
    assert all("question 2: images[" in line and "there is no video video2.mp4 or video2.mkv" in line for line in found)


def test_videos_in_tars(tmp_path: Path) -> None:
    """Of a published set, and of lines; a tar that is cut off is told of before a video is read."""
    for name in ("video1", "video2"):
        write_clip(tmp_path / f"{name}.mkv", 20)
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for name in ("video1.mkv", "video2.mkv"):
            tar.add(tmp_path / name, f"videos/{name}")
    with tarfile.open(tmp_path / "0.tar") as tar:
        end = tar.getmember("videos/video2.mkv").offset_data + 100
    whole = (tmp_path / "0.tar").read_bytes()
    (tmp_path / "set").write_text(json.dumps([GOOD, {**GOOD, "id": 2, "video_id": 2}]))
    (tmp_path / "lines").write_text(json.dumps({"video": "video1.mkv", "caption": "x", "start": 1.0}))
    told = dict(videos=str(tmp_path / "{0..0}.tar"), frames=2)
    lines = SOURCE.build("videos", path=str(tmp_path / "lines"), **told)
    assert sorted(number_of(lines.image("train", index)) for index in range(2)) == [12, 17] and not lines.damages
    (tmp_path / "0.tar").write_bytes(whole[:end])
    source = SOURCE.build("msrvtt_qa", path=str(tmp_path / "set"), **told)
    assert source.damages == [f"{tmp_path}/0.tar: damaged after 1 files: videos/video2.mkv is cut off"]
    numbers, found = seen(source, 4)
    assert sorted(numbers) == [5, 15] and len(found) == 2
    assert all("there is no video video2.mp4 or video2.mkv, or under 5 other names" in line for line in found)


def test_lines_of_videos(opened: Callable[..., AnnotatedSource], tmp_path: Path) -> None:
    """A segment, a text in place of a number, and an image in place of a video."""
    write_clip(tmp_path / "videos/a.mp4", 20)
    lines = [
        {"video": "a.mp4", "start": 1.0, "end": 2.0, "caption": "x"}, {"video": "a.mp4", "start": "1", "caption": "x"},
        {"image": "a.png", "caption": "x"},
    ]  # fmt: skip
    source = opened("videos", "\n".join(map(json.dumps, lines)))
    assert told(source) == [
        "set:2: 'start' should be a number, not the text '1'.",
        "set:3: no field 'video'. Choose from caption, image.",
    ]
    first = source.readers["train"].record(0)
    assert np.array_equal(source.readers["train"].image_counts, [2, 2, 2])
    assert len(first.images) == 2 and b"P6 64 32 255\n" in first.images[0]()[:20]
