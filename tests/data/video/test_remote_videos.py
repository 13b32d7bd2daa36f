"""Videos behind URLs: in folders, in tars and as folders of frames, as on this machine."""

from __future__ import annotations

from pathlib import Path

import fsspec
import numpy as np
import pytest
from file_server import FileServer
from PIL import Image

from pali3kit.data.video import clip
from pali3kit.data.video.clip import Clip
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.data.video.tars import VideoTars, videos_in
from pali3kit.errors import DataError, StorageError
from pali3kit.images.decode import decode_image
from pali3kit.storage import blocks
from pali3kit.storage.cache import cache_folder
from pali3kit.storage.remote import RemotePath
from tests.clips import number_of, write_clip

from .test_tars import pack

FOUR = FrameSampling(4)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    clip._frames.cache_clear()


def numbers(videos: str, name: str, *segment: float) -> list[int]:
    found = Clip(videos_in(videos), (name,), FOUR, *segment)
    return [number_of(np.asarray(decode_image(read(), "frame"))) for read in found.images()]


def test_a_video_is_copied_when_it_is_first_read(tmp_path: Path, server: FileServer) -> None:
    write_clip(tmp_path / "videos/a b.mp4")
    url = server.serve(tmp_path / "videos", "videos")
    assert numbers(url, "a b.mp4") == [2, 7, 12, 17] and numbers(url, "a b.mp4", 0.5, 1.5) == [6, 8, 11, 13]
    assert len(server.gets) == 1
    with pytest.raises(DataError, match=f"{url}: there is no video c.mp4"):
        numbers(url, "c.mp4")
    server.broken["/videos/d.mp4"] = 503
    with pytest.raises(StorageError, match=f"{url}/d.mp4"):
        numbers(url, "d.mp4")


def test_a_folder_of_frames(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / "a/deeper").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(tmp_path / f"a/frame{number}.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "a/deeper/frame99.png")
    fsspec.filesystem("memory").put(str(tmp_path), f"/{tmp_path.name}", recursive=True)
    images = Clip(videos_in(f"memory://{tmp_path.name}"), ("a",), FOUR).images()
    assert [np.asarray(decode_image(read(), "frame"))[0, 0, 0] // 20 for read in images] == [1, 4, 7, 10]


def test_members_of_tars(tmp_path: Path, server: FileServer) -> None:
    """Headers are read once for all processes of a machine, and each video when it is first asked for."""
    first, second = write_clip(tmp_path / "a.mp4"), write_clip(tmp_path / "b.mkv", 20, "mpeg4", g="5")
    (tmp_path / "tars").mkdir()
    pack(tmp_path / "tars/0.tar", {"v/a.mp4": first.read_bytes(), "v/unread": bytes(9 << 20)})
    pack(tmp_path / "tars/1.tar", {"v/b.mkv": second.read_bytes()})
    pattern = f"{server.serve(tmp_path / 'tars', 'tars')}/{{0..1}}.tar"
    assert numbers(pattern, "a.mp4") == numbers(str(tmp_path / "tars/0.tar"), "a.mp4") == [2, 7, 12, 17]
    assert server.sent < 9 << 20, "nothing of other members"
    assert numbers(pattern, "v/b.mkv", 0.5, 1.5) == numbers(str(tmp_path), "b.mkv", 0.5, 1.5)
    server.gets.clear()
    clip._frames.cache_clear()
    assert numbers(pattern, "a.mp4") == [2, 7, 12, 17] and VideoTars(pattern).find("c.mp4") is None
    assert not server.gets
    with pytest.raises(DataError, match=r"there is no video c\.mp4"):
        numbers(pattern, "c.mp4")


def test_what_is_wrong_with_a_tar_is_not_kept(tmp_path: Path, server: FileServer) -> None:
    """A server may have been at fault: the next run asks it again."""
    (tmp_path / "tars").mkdir()
    pack(tmp_path / "tars/0.tar", {"a.mp4": b"1" * 600, "b.mp4": b"2" * 600})
    (tmp_path / "tars/0.tar").write_bytes((tmp_path / "tars/0.tar").read_bytes()[:2000])
    url = f"{server.serve(tmp_path / 'tars', 'tars')}/0.tar"
    assert VideoTars(url).damages == [f"{url}: damaged after 1 files: it has no end"]
    assert not [*cache_folder().rglob("members.json")]


def test_what_is_kept_is_of_one_version(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "a.mp4"), write_clip(tmp_path / "b.mp4", 10)
    (tmp_path / "tars").mkdir()
    for name in ("a", "b"):
        pack(tmp_path / "tars/0.tar", {"v.mp4": (tmp_path / f"{name}.mp4").read_bytes()})
        url = f"{server.serve(tmp_path / 'tars', 'tars')}/0.tar"
        assert numbers(url, "v.mp4") == numbers(str(tmp_path), f"{name}.mp4")
        clip._frames.cache_clear()
    assert len({file.parent for file in cache_folder().rglob("members.json")}) == 1, "the other version's is removed"

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blocks, "_keep", full)
    with pytest.raises(StorageError, match=r"0\.tar: no copy of a part of it in .*: No space left on device"):
        blocks.KeptBlocks(RemotePath(url)).part(0, 100)
