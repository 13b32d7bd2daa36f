"""Tar shards: samples, random access, and damage."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from pali3kit.data.shards import index_shards
from pali3kit.errors import DataError


def shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def plain(folder: Path) -> list[Path]:
    first = {"000.jpg": b"picture 0", "000.txt": b"a cat", "x.y/001.SEG.png": b"mask", "x.y/001.txt": b"a dog"}
    return [shard(folder / "a.tar", first), shard(folder / "b.tar", {"000.txt": b"another shard's"})]


def test_members_are_grouped_and_read_in_any_order(tmp_path: Path) -> None:
    index = index_shards(plain(tmp_path))
    assert [sample.key for sample in index] == ["000", "x.y/001", "000"] and not index.damages
    assert index[2].read("txt") == b"another shard's"
    assert index[1].read("seg.png") == b"mask"
    assert index[0].read("jpg") == b"picture 0"
    with pytest.raises(DataError, match=r"a\.tar: sample 000 has no \.json, but jpg, txt"):
        index[0].read("json")


def test_longer_names_than_a_header_holds(tmp_path: Path) -> None:
    name = "folder/" + "n" * 150
    (sample,) = index_shards([shard(tmp_path / "a.tar", {f"{name}.txt": b"text"})])
    assert sample.key == name and sample.read("txt") == b"text"


def test_folders_and_links_are_no_samples(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {"x/0.txt": b"text"})
    with tarfile.open(path, "a") as tar:
        for name, kind in (("x/folder.txt", tarfile.DIRTYPE), ("x/link.txt", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
    index = index_shards([path])
    assert [sample.key for sample in index] == ["x/0"]
    assert len(index.damages) == 1 and "x/link.txt is a link to , which is no member before it" in index.damages[0]


@pytest.mark.parametrize("lost", [1200, 2500, 10_000])
def test_what_precedes_the_damage_is_kept(tmp_path: Path, lost: int) -> None:
    whole = shard(tmp_path / "a.tar", {f"{i:03}.txt": bytes(2000) for i in range(20)})
    end = 20 * (512 + 2048)
    whole.write_bytes(whole.read_bytes()[: end - lost])
    index = index_shards([whole])
    assert 14 <= len(index) < 20
    assert all(sample.read("txt") == bytes(2000) for sample in index)
    assert len(index.damages) == 1 and "a.tar: damaged after" in index.damages[0]


def test_no_tar_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"this is no archive" * 100)
    with pytest.raises(DataError, match=r"no samples in .*a\.tar; .*a\.tar: damaged after 0 samples"):
        index_shards([tmp_path / "a.tar"])
    with pytest.raises(DataError, match="no samples in no shards"):
        index_shards([])
    with pytest.raises(DataError, match=r"no samples in .*b\.tar; .*No such file"):
        index_shards([tmp_path / "b.tar"])


def test_a_shard_that_shrinks_after_it_was_indexed(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {"0.txt": bytes(5000)})
    (sample,) = index_shards([path])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match="sample 0 is cut off: 2488 of 5000 bytes"):
        sample.read("txt")
