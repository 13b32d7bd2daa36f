"""Members of tars that other programs wrote, and of tars that lie."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from pali3kit.data.members import DamagedTar, Member, MemberLink, members

FORMATS = {"V7": tarfile.USTAR_FORMAT, "GNU": tarfile.GNU_FORMAT, "POSIX": tarfile.PAX_FORMAT}


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "", form: str = "GNU") -> bytes:
    """The blocks of a member; of V7 without the sign and the fields of later headers."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    header = info.tobuf(FORMATS[form])
    if form == "V7":
        header = resummed(header[:257] + bytes(255))
    return header + data + bytes(-len(data) % 512)


def resummed(block: bytes) -> bytes:
    changed = bytearray(block)
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def tar(path: Path, *blocks: bytes) -> Path:
    path.write_bytes(b"".join(blocks) + bytes(1024))
    return path


def told(path: Path) -> list[Member | MemberLink]:
    return list(members(path))


@pytest.mark.parametrize("form", FORMATS)
def test_headers_of_all_kinds(form: str, tmp_path: Path) -> None:
    names = ["x/000.jpg", "x/y.z/001.seg.PNG"] + ([] if form == "V7" else ["x/" + "n" * 150 + ".txt"])
    found = told(tar(tmp_path / "a.tar", *(member(name, b"data", form=form) for name in names)))
    assert [(of.key, of.ending) for of in found][:2] == [("x/000", "jpg"), ("x/y.z/001", "seg.png")]
    assert len(found) == len(names) and all(isinstance(of, Member) and of.length == 4 for of in found)


def test_what_is_part_of_no_sample(tmp_path: Path) -> None:
    names = [
        "._0.jpg",
        "x/._0.jpg",
        "__MACOSX/0.jpg",
        ".DS_Store",
        "x/__index__",
        "README",
        ".cache/0.jpg",
        "./x//0.jpg",
    ]
    found = told(tar(tmp_path / "a.tar", *map(member, names), member("x", kind=tarfile.DIRTYPE)))
    assert [of.key for of in found] == ["x/0"]


def test_links_lead_to_the_member_that_they_mean(tmp_path: Path) -> None:
    blocks = (
        member("x/0.jpg", b"data"),
        member("x/1.jpg", kind=tarfile.LNKTYPE, link="./x/0.jpg"),
        member("x/2.jpg", kind=tarfile.SYMTYPE, link="../x/0.jpg"),
        member("x/3.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd.txt"),
    )
    found = [of for of in told(tar(tmp_path / "a.tar", *blocks)) if isinstance(of, MemberLink)]
    assert [(of.key, of.target) for of in found] == [
        ("x/1", ("x/0", "jpg")), ("x/2", ("x/0", "jpg")), ("x/3", ("etc/passwd", "txt")),
    ]  # fmt: skip


def test_archives_behind_one_another(tmp_path: Path) -> None:
    for name in "ab":
        tar(tmp_path / f"{name}.tar", member(f"{name}.txt", b"text"))
    both = tmp_path / "ab.tar"
    both.write_bytes((tmp_path / "a.tar").read_bytes() + bytes(10240) + (tmp_path / "b.tar").read_bytes())
    assert [(of.archive, of.key) for of in told(both)] == [(0, "a"), (1, "b")]
    both.write_bytes((tmp_path / "a.tar").read_bytes() + b"something else" * 100)
    with pytest.raises(DamagedTar, match="what follows its end at byte 2048 is no archive"):
        told(both)


HUGE = b"\x80" + struct.pack(">11B", *(0, 0, 0, 0, 0, 0x7F, 0, 0, 0, 0, 0))
LIES = {
    "a long name of terabytes": (tarfile.GNUTYPE_LONGNAME, HUGE, "says that it has"),
    "further fields of terabytes": (tarfile.XHDTYPE, HUGE, "says that it has"),
    "fields for all of terabytes": (tarfile.XGLTYPE, HUGE, "says that it has"),
    "a file of terabytes": (tarfile.REGTYPE, HUGE, "x.txt is cut off"),
    "a size below zero": (tarfile.REGTYPE, b"\xff" * 12, "makes no sense|cut off|no end|negative"),
}


@pytest.mark.parametrize("name", LIES)
def test_headers_that_lie(name: str, tmp_path: Path) -> None:
    kind, size, complaint = LIES[name]
    block = bytearray(member("x.txt", kind=kind))
    block[124:136] = size
    path = tar(tmp_path / "a.tar", member("0.txt", b"text"), resummed(bytes(block)), member("1.txt", b"text"))
    found = []
    with pytest.raises(DamagedTar, match=complaint):
        for of in members(path):
            found.append(of.key)
    assert found == ["0"]


def test_headers_without_end(tmp_path: Path) -> None:
    """Each announces the name of the next: tarfile calls itself for each."""
    with pytest.raises(DamagedTar, match="recursion"):
        told(tar(tmp_path / "a.tar", member("n", b"x", tarfile.GNUTYPE_LONGNAME) * 5000))
    fields = b"".join(b"%d k%06d=v\n" % (13, number) for number in range(3000))
    with pytest.raises(DamagedTar, match="makes no sense"):
        told(tar(tmp_path / "a.tar", member("g", fields, tarfile.XGLTYPE), member("0.txt")))
    with pytest.raises(DamagedTar, match="a name of 5004 characters"):
        told(tar(tmp_path / "a.tar", member("n" * 5000 + ".txt", form="POSIX")))


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")
@pytest.mark.parametrize("form", ["gnu", "posix"])
def test_sparse_files_of_gnu_tar(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    with (folder / "0.txt").open("wb") as file:
        file.write(b"begin")
        file.seek(1 << 20)
        file.write(b"end")
    (folder / "1.txt").write_bytes(b"after it")
    path = tmp_path / "a.tar"
    done = subprocess.run(
        ["tar", "--sparse", f"--format={form}", "--sort=name", "-cf", str(path), "-C", str(folder), "."],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("another tar")
    sparse, after = told(path)
    assert isinstance(after, Member) and after.length == 8 and isinstance(sparse, Member)
    assert sparse.length in (-(1 << 20) - 3, (1 << 20) + 3)  # where the file system has no holes


def test_packed_archives_are_refused_by_name(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        packed.addfile(tarfile.TarInfo("0.txt"))
    (tmp_path / "a.tar").write_bytes(file.getvalue())
    with pytest.raises(DamagedTar, match="packed with gzip, and samples are read at random: unpack it"):
        told(tmp_path / "a.tar")
