"""The path of a video stands for its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pali3kit as pk
from pali3kit.errors import DataError
from pali3kit.inference.arguments import examples_of
from pali3kit.inference.videos import is_video
from tests.clips import number_of, write_clip


def test_a_path_is_sixteen_frames_and_each_object_one_number(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 32)
    image = np.zeros((4, 4, 3), np.uint8)
    examples, numbered = examples_of([path, [image, str(path)], path], ["a", "b", "c"])
    assert examples[0].images == examples[2].images == tuple(range(16))
    assert examples[1].images == (16, *range(17, 33))  # an object of its own
    frames = [number_of(numbered[number].pixels()) for number in examples[0].images]
    assert frames == [2 * part + 1 for part in range(16)]
    assert numbered[16].pixels().shape == (4, 4, 3)


def test_other_frames_are_arrays(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 20)
    frames = pk.video_frames(path, frames=3, sampling="ends", start=0.5, end=1.0)
    assert [number_of(frame) for frame in frames] == [5, 7, 9]
    [example], _ = examples_of([frames], ["a"])
    assert example.images == (0, 1, 2)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"none")
    _, numbered = examples_of([tmp_path / "a.mp4"], ["a"])
    with pytest.raises(DataError, match=rf"^images\[0\]: .*{tmp_path / 'a.mp4'}: not a readable video"):
        numbered[0].pixels()
    assert is_video("A.MP4") and is_video(Path("a.webm")) and not is_video("a.png") and not is_video(b"a.mp4")
