"""Tar shards: samples, random access, and damage."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.data.shard_index import ShardIndex
from pali3kit.errors import DataError


def shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def plain(folder: Path) -> list[Path]:
    first = {"000.jpg": b"image 0", "000.txt": b"a cat", "x.y/001.SEG.png": b"mask", "x.y/001.txt": b"a dog"}
    return [shard(folder / "a.tar", first), shard(folder / "b.tar", {"000.txt": b"another shard's"})]


def test_members_are_grouped_and_read_in_any_order(tmp_path: Path) -> None:
    index = ShardIndex(plain(tmp_path))
    assert [sample.key for sample in index] == ["000", "x.y/001", "000"] and not index.damages
    assert index[2].read("txt") == b"another shard's"
    assert index[1].read("seg.png") == b"mask"
    assert index[0].read("jpg") == b"image 0"
    with pytest.raises(DataError, match=r"a\.tar: sample 000 has no \.json, but jpg, txt"):
        index[0].read("json")


def test_longer_names_than_a_header_holds(tmp_path: Path) -> None:
    name = "folder/" + "n" * 150
    (sample,) = ShardIndex([shard(tmp_path / "a.tar", {f"{name}.txt": b"text"})])
    assert sample.key == name and sample.read("txt") == b"text"


def test_folders_and_links_are_no_samples(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {"x/0.txt": b"text"})
    with tarfile.open(path, "a") as tar:
        for name, kind in (("x/folder.txt", tarfile.DIRTYPE), ("x/link.txt", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
    index = ShardIndex([path])
    assert [sample.key for sample in index] == ["x/0"]
    assert len(index.damages) == 1 and "x/link.txt is a link to , which is no member before it" in index.damages[0]


@pytest.mark.parametrize("lost", [1200, 2500, 10_000])
def test_what_precedes_the_damage_is_kept(tmp_path: Path, lost: int) -> None:
    whole = shard(tmp_path / "a.tar", {f"{i:03}.txt": bytes(2000) for i in range(20)})
    end = 20 * (512 + 2048)
    whole.write_bytes(whole.read_bytes()[: end - lost])
    index = ShardIndex([whole])
    assert 14 <= len(index) < 20
    assert all(sample.read("txt") == bytes(2000) for sample in index)
    assert len(index.damages) == 1 and "a.tar: damaged after" in index.damages[0]


def test_no_tar_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"this is no archive" * 100)
    with pytest.raises(DataError, match=r"no samples in .*a\.tar; .*a\.tar: damaged after 0 samples"):
        ShardIndex([tmp_path / "a.tar"])
    with pytest.raises(DataError, match="no samples in no shards"):
        ShardIndex([])
    with pytest.raises(DataError, match=r"no samples in .*b\.tar; .*No such file"):
        ShardIndex([tmp_path / "b.tar"])


def test_a_shard_that_shrinks_after_it_was_indexed(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {"0.txt": bytes(5000)})
    (sample,) = ShardIndex([path])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match="sample 0 is cut off: 2488 of 5000 bytes"):
        sample.read("txt")


def several(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_a_key_twice_is_left_out_and_told(tmp_path: Path) -> None:
    """webdataset raises ValueError; of the two images nobody knows which one the text is of."""
    path = several(
        tmp_path / "a.tar",
        ("000.jpg", b"dark"), ("000.txt", b"of the dark one"), ("000.jpg", b"light"),
        ("001.jpg", b"another"), ("001.txt", b"another's"), ("002.jpg", b"a"), ("002.JPG", b"b"),
    )  # fmt: skip
    index = ShardIndex([path])
    assert [(sample.key, sample.read("txt")) for sample in index] == [("001", b"another's")]
    assert index.damages == [f"{path}: left out, having a member twice: 2 of 3 samples: 000 (.jpg), 002 (.jpg)"]
    with pytest.raises(DataError, match=r"no samples in .*: 1 of 1 samples: 000 \(\.txt\)"):
        ShardIndex([several(tmp_path / "b.tar", ("000.txt", b"a"), ("000.txt", b"b"))])


def test_archives_behind_one_another_are_all_read(tmp_path: Path) -> None:
    """Equal keys of two archives are two samples: the members of each lie together."""
    first = shard(tmp_path / "a.tar", {"000.txt": b"a", "001.txt": b"b"}).read_bytes()
    second = shard(tmp_path / "b.tar", {"001.txt": b"c", "002.txt": b"d"}).read_bytes()
    (tmp_path / "ab.tar").write_bytes(first + second)
    index = ShardIndex([tmp_path / "ab.tar"])
    assert [(sample.key, sample.read("txt")) for sample in index] == [
        ("000", b"a"), ("001", b"b"), ("001", b"c"), ("002", b"d"),
    ]  # fmt: skip
    (tmp_path / "ab.tar").write_bytes(first + b"noise" * 1000)
    index = ShardIndex([tmp_path / "ab.tar"])
    assert len(index) == 2 and "damaged after 2 samples: what follows its end" in index.damages[0]


def test_links_are_the_files_that_they_lead_to(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {"0.jpg": b"image", "0.txt": b"a", "1.txt": b"b", "2.txt": b"c"})
    with tarfile.open(path, "a") as tar:
        for number, leads_to in enumerate(("0.jpg", "1.jpg", "/x.jpg"), start=1):
            info = tarfile.TarInfo(f"{number}.jpg")
            info.type, info.linkname = tarfile.LNKTYPE if number == 1 else tarfile.SYMTYPE, leads_to
            tar.addfile(info)
    index = ShardIndex([path])
    assert [sample.read("jpg") for sample in index] == [b"image"] * 3
    assert index.damages == [f"{path}: 3.jpg is a link to /x.jpg, which is no member before it"]


def test_a_sparse_member_is_read_with_its_holes(tmp_path: Path) -> None:
    """In POSIX' way, as GNU tar writes it: a map of what is there before the bytes that are there."""
    there = b"2\n0\n5\n1000\n3\n".ljust(512, b"\0") + b"beginend".ljust(512, b"\0")
    fields = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name, size in (("0.txt", "1003"), ("1.txt", str(1 << 40))):
            info = tarfile.TarInfo(f"GNUSparseFile.0/{name}")
            info.size, info.pax_headers = 520, {**fields, "GNU.sparse.name": name, "GNU.sparse.realsize": size}
            tar.addfile(info, io.BytesIO(there[:520]))
    first, bomb = ShardIndex([tmp_path / "a.tar"])
    assert first.key == "0" and first.read("txt") == b"begin" + bytes(995) + b"end"
    with pytest.raises(DataError, match=r"a\.tar: sample 1: \.txt: a sparse member of more than 268435456 bytes"):
        bomb.read("txt")


def test_archives_that_tar_has_put_together_are_read_as_webdataset_reads_them(tmp_path: Path) -> None:
    """`tar -A` leaves no end between them: a key that comes again behind another one is another sample."""
    path = several(
        tmp_path / "a.tar",
        ("000.jpg", b"a"), ("000.txt", b"of a"), ("001.jpg", b"b"), ("001.txt", b"of b"),
        ("000.txt", b"of c"), ("000.jpg", b"c"), ("001.jpg", b"d"), ("001.txt", b"of d"),
    )  # fmt: skip
    index = ShardIndex([path])
    assert [(sample.key, sample.read("jpg"), sample.read("txt")) for sample in index] == [
        ("000", b"a", b"of a"), ("001", b"b", b"of b"), ("000", b"c", b"of c"), ("001", b"d", b"of d"),
    ]  # fmt: skip
    assert not index.damages


def test_members_of_a_sample_may_lie_apart(tmp_path: Path) -> None:
    path = several(tmp_path / "a.tar", ("000.jpg", b"a"), ("001.jpg", b"b"), ("001.txt", b"of b"), ("000.txt", b"of a"))
    assert [sample.read("txt") for sample in ShardIndex([path])] == [b"of a", b"of b"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["jpg", "txt"])), min_size=1, max_size=8))
def test_no_member_is_lost_without_a_word(members: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = [(f"{key}.{ending}", f"{key}{number}".encode()) for number, (key, ending) in enumerate(members)]
        path = several(Path(folder) / "a.tar", *data)
        try:
            index = ShardIndex([path])
        except DataError as error:
            assert "having a member twice" in str(error)
            return
        found = [sample.read(ending) for sample in index for ending in sample.members]
        assert len(found) == len(set(found)) and (len(found) == len(members) or index.damages)
        for sample in index:
            assert {sample.read(ending)[:1] for ending in sample.members} == {sample.key.encode()}
