"""The frames of a clip as images of a record: of a file under one of its names, or of a folder of images."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.video import clip
from pali3kit.data.video.clip import Clip
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.errors import DataError
from pali3kit.images.decode import decode_image
from tests.clips import number_of, write_clip

FOUR = FrameSampling(4)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    clip._frames.cache_clear()


def numbers(found: Clip) -> list[int]:
    return [number_of(np.asarray(decode_image(read(), "frame"))) for read in found.images()]


def test_a_file_is_decoded_once_for_all_of_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "a.mkv")
    calls = []
    original = clip.read_frames
    monkeypatch.setattr(clip, "read_frames", lambda *given: calls.append(given) or original(*given))
    assert numbers(Clip(tmp_path, ("a.mp4", "a.mkv"), FOUR)) == [2, 7, 12, 17]
    assert numbers(Clip(tmp_path, ("a.mkv",), FOUR, 0.5, 1.5)) == [6, 8, 11, 13]
    assert len(calls) == 2


def test_a_folder_of_frames_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(tmp_path / f"a/frame{number}.png")
    (tmp_path / "a/.hidden").touch()
    reds = [np.asarray(Image.open(BytesIO(read())))[0, 0, 0] // 20 for read in Clip(tmp_path, ("a",), FOUR).images()]
    assert reds == [1, 4, 7, 10]
    with pytest.raises(DataError, match="a folder of frames has no time stamps: a segment needs the video's file"):
        Clip(tmp_path, ("a",), FOUR, 0.0, 1.0).images()[0]()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for names, message in {
        ("a.mp4", "a.mkv", "a"): rf"^{tmp_path}: there is no video a.mp4 or a.mkv, or under 1 other names$",
        ("../a.mp4",): "'../a.mp4' is no file in it", ("empty",): "there is no frame in the folder",
        ("a\0.mp4",): "there is no video",
    }.items():  # fmt: skip
        for read in Clip(tmp_path, names, FOUR).images():
            with pytest.raises(DataError, match=message):
                read()
