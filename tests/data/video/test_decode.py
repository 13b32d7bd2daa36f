"""Frames by time stamp of clips in many forms, or an error that names the file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pali3kit.data.video import decode
from pali3kit.data.video.decode import read_frames
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.errors import DataError
from tests.clips import SIZE, number_of, numbered, write_clip

ALL = FrameSampling(20, "ends")
FOUR = FrameSampling(4)  # of 20 frames those at 2.5, 7.5, 12.5 and 17.5: frames 2, 7, 12, 17
UNEVEN = [0, 40, 80, 120, 1000, 1040, 4000, 4100, 9000, 9999]


def numbers(path: Path, sampling: FrameSampling = FOUR, *segment: float | None) -> list[int]:
    return [number_of(frame) for frame in read_frames(path, sampling, *segment)]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "5", "bf": "2"}),
        ("a.mp4", "mpeg4", {"g": "100"}),
        ("a.mkv", "libx264", {"g": "100", "bf": "3"}),  # no number of frames
        ("a.webm", "libvpx-vp9", {"g": "8", "cpu-used": "8", "deadline": "realtime"}),
        ("a.avi", "mjpeg", {"pixels": "yuvj420p"}),
        ("a.ts", "libx264", {"g": "5"}),  # begins later than 0, seeks imprecisely
        ("a.flv", "flv", {"g": "5"}),
    ],
)
def test_formats(name: str, codec: str, options: dict[str, str], tmp_path: Path) -> None:
    path = write_clip(tmp_path / name, 20, codec, **options)  # type: ignore[arg-type]
    assert numbers(path) == [2, 7, 12, 17]
    assert numbers(path, ALL) == list(range(20))
    assert numbers(path, FrameSampling(3, "stride", 8)) == [0, 8, 16]
    [frame] = read_frames(path, FrameSampling(1, "ends"))
    assert frame.shape == (*SIZE, 3) and frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - numbered(0)).mean() < 12


def test_variable_rates_are_read_by_time(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", UNEVEN)
    assert numbers(path, FrameSampling(5)) == [4, 5, 7, 7, 8]  # in the middles of fifths of 10 seconds: 1, 3, 5, 7, 9
    assert numbers(path, FrameSampling(10, "stride")) == list(range(10))


def test_segments(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 20, "libx264", g="5")
    assert numbers(path, FrameSampling(3, "ends"), 0.5, 1.0) == [5, 7, 9]
    assert numbers(path, FrameSampling(2), 1.0, 0.6) == [7, 9]  # turned: 0.6 to 1.0, at 0.7 and 0.9
    assert numbers(path, FrameSampling(2), 1.6, 99.0) == [17, 19]  # cut at 2.0
    assert numbers(path, FrameSampling(1), 0.3, None) == [11]
    with pytest.raises(DataError, match=rf"^{path}: seconds 5 to 7 are not in the video, which has 2$"):
        numbers(path, FOUR, 5.0, 7.0)


@pytest.mark.parametrize("angle", [90, 180, -90])
def test_display_matrices_turn_frames(angle: int, tmp_path: Path) -> None:
    """FFmpeg's angles are counterclockwise, as NumPy's."""
    path = write_clip(tmp_path / "a.mp4", 3, "libx264", rotation=angle)
    [frame] = read_frames(path, FrameSampling(1, "ends"))
    expected = np.rot90(numbered(0), angle // 90)
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 12


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", 20, "libx264")
    for name, content in {
        "empty.mp4": b"", "text.mp4": b"no video" * 100, "cut.mp4": whole.read_bytes()[:600],
        "list.mp4": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile '{whole}'\n".encode(),
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"^{tmp_path / name}: not a readable video: "):
            read_frames(tmp_path / name, FOUR)
    for name, message in {
        "sound.mp4": "it has no video stream", "none.mp4": "there is no such file", "http://a/b.mp4": "no such file",
    }.items():  # fmt: skip
        if name == "sound.mp4":
            write_clip(tmp_path / name, video=False, audio=True)
        with pytest.raises(DataError, match=message):
            read_frames(tmp_path / name, FOUR)


def test_sound_is_left_out(tmp_path: Path) -> None:
    assert numbers(write_clip(tmp_path / "a.mp4", 20, audio=True)) == [2, 7, 12, 17]


def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", 20, g="1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = numbers(path, FrameSampling(4, "ends"))
    assert found == sorted(found) and found[0] == 0 and 5 < found[-1] < 15


def test_large_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4", 20)
    monkeypatch.setattr(decode, "MAX_CLIP_PIXELS", 3 * SIZE[0] * SIZE[1])
    assert len(read_frames(path, FrameSampling(3))) == 3
    with pytest.raises(DataError, match=f"^{path}: 4 frames of 64x32 pixels are too many.$"):
        read_frames(path, FOUR)
    monkeypatch.setattr(decode, "MAX_PIXELS", SIZE[0] * SIZE[1] - 1)
    with pytest.raises(DataError, match="64x32 pixels are more than"):
        read_frames(path, FrameSampling(1))
    monkeypatch.setattr(decode, "MAX_PACKETS", 19)
    monkeypatch.setattr(decode, "MAX_PIXELS", 1 << 20)
    with pytest.raises(DataError, match="it has more than 19 frames"):
        read_frames(path, FrameSampling(1))


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=re.escape("videos need PyAV: pip install 'pali3kit[video]'")):
        read_frames(tmp_path / "a.mp4", FOUR)


def test_importing_the_reader_imports_no_codec() -> None:
    code = "import sys, pali3kit.data.video.clip; print('av' in sys.modules or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
