"""Clips by a codec: near the drawn ones, at the same times, and only where they are asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from pali3kit.data.world import clip_source
from pali3kit.data.world.clip_codec import _WRITTEN, CODEC_VERSION, FRAMES, RATE, Codec, coded_frames, write_clip
from pali3kit.data.world.clip_source import ClipsReader, _create
from pali3kit.data.world.clips import WorldClip
from pali3kit.errors import DataError

NEAR = 6.0  # mean difference of values of 0 to 255: colours have half the size


@pytest.fixture(scope="module")
def clips() -> dict[str, WorldClip]:
    reader = ClipsReader("test", 40, 16, 64, 40, "noto", 0)
    return {clip.kind: clip for clip in map(reader.clip, range(len(reader)))}


@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_frames_are_near_the_drawn_ones_at_the_same_times(codec: Codec, clips: dict[str, WorldClip]) -> None:
    drawn, coded = (_create(frames=16, clips=3, test_clips=3, codec=each) for each in (None, codec))
    for index in range(48):
        one, other = (source.image("test", index).astype(int) for source in (drawn, coded))
        assert 0 < np.abs(one - other).mean() < NEAR
    times, apart = [(2 * frame + 1) / 32 for frame in range(16)], 0
    for clip in (clips["way"], clips["count"], clips["sign"]):
        every = [clip.frame(time).astype(int) for time in times]
        for number, file in enumerate(coded_frames(clip, codec, 16)):
            frame = np.frombuffer(file[-64 * 64 * 3 :], np.uint8).reshape(64, 64, 3)
            found = [np.abs(frame - other).mean() for other in every]
            same = [np.array_equal(other, every[number]) for other in every]
            assert min(found) == min(each for each, equal in zip(found, same, strict=True) if equal)
            apart += same.count(False)
    assert apart > 100


def test_the_file_has_even_time_stamps(clips: dict[str, WorldClip], tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", clips["turn"], "h264")
    with av.open(str(tmp_path / "a.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.name == "h264"
    assert times == [number / RATE for number in range(FRAMES)]


def test_a_codec_is_never_chosen_by_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, coded = _create(frames=2, clips=2), _create(frames=2, clips=2, codec="h264")
    assert len({drawn.digest, coded.digest, _create(frames=2, clips=2, codec="vp9").digest}) == 3
    pixels = drawn.image("train", 0)
    coded_frames.cache_clear()
    monkeypatch.setitem(sys.modules, "av", None)
    assert np.array_equal(_create(frames=2, clips=2).image("train", 0), pixels)
    with pytest.raises(DataError, match=r"clips with codec 'h264' need PyAV: pip install 'pali3kit\[video\]'"):
        coded.image("train", 0)


def test_another_way_of_writing_is_another_content_where_a_codec_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def digests() -> list[str]:
        return [_create(frames=2, codec=codec).digest for codec in (None, "h264", "vp9")]

    before = digests()
    monkeypatch.setattr(clip_source, "CODEC_VERSION", CODEC_VERSION + 1)
    assert [one == other for one, other in zip(before, digests(), strict=True)] == [True, False, False]


def test_files_are_written_as_their_version_says() -> None:
    """Where this differs, raise `CODEC_VERSION`."""
    written = {
        "h264": ("libx264", "mp4", {"crf": "18", "preset": "veryfast"}),
        "vp9": ("libvpx-vp9", "webm", {"crf": "18", "b": "0", "deadline": "realtime", "cpu-used": "8"}),
    }
    assert (1, 32, 8, written) == (CODEC_VERSION, FRAMES, RATE, _WRITTEN)


def test_unusable_codecs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"clips.codec: there is none called 'h265'. Did you mean 'h264'\?"):
        _create(codec="h265")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"clips.image_size: 65: must be even with a codec"):
        _create(image_size=65, codec="vp9")
    monkeypatch.setattr(av, "codecs_available", {"h264"})
    with pytest.raises(DataError, match="codec 'vp9': this PyAV has no encoder libvpx-vp9"):
        _create(clips=1, codec="vp9").image("train", 0)
