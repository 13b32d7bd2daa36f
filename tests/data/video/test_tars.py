"""Videos in tars: read where they lie as from files, and what cannot be read names the tar and the member."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pali3kit.data.members import NamedMember, named_members
from pali3kit.data.readers.videos import with_endings
from pali3kit.data.video import tars as tars_module
from pali3kit.data.video.clip import Clip
from pali3kit.data.video.decode import FilePart, read_frames
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.data.video.tars import VideoTars, videos_in
from pali3kit.errors import DataError
from tests.clips import number_of, write_clip

FOUR = FrameSampling(4)


def pack(path: Path, content: dict[str, bytes] | list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in content.items() if isinstance(content, dict) else content:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def content_of(tars: VideoTars, name: str) -> bytes | None:
    found = tars.find(name)
    return None if found is None else found.path.read_bytes()[found.offset : found.offset + found.length]


def test_members_are_read_as_files_are(tmp_path: Path) -> None:
    """One that begins later than 0 and seeks imprecisely, one whose index is at its end, and one without an index."""
    forms = {"a.mp4": "libx264", "b.ts": "libx264", "c.mkv": "mpeg4"}
    files = {name: write_clip(tmp_path / name, 20, codec, g="5") for name, codec in forms.items()}
    pack(tmp_path / "x, y:1.tar", {name: file.read_bytes() for name, file in files.items()})
    tars = VideoTars(str(tmp_path / "x, y:1.tar"))
    for name, file in files.items():
        member = tars.find(name)
        assert isinstance(member, FilePart)
        for sampling, segment in ((FOUR, ()), (FrameSampling(20, "ends"), ()), (FOUR, (0.5, 1.5))):
            assert np.array_equal(read_frames(member, sampling, *segment), read_frames(file, sampling, *segment))
    assert number_of(read_frames(member, FrameSampling(1))[0]) == 10


def test_names_are_paths_in_the_tars_with_or_without_their_common_folder(tmp_path: Path) -> None:
    pack(tmp_path / "0.tar", {"./videos/a.mp4": b"one", "videos/a.json": b"{}", "videos//b/c.d.webm": b"three"})
    pack(tmp_path / "1.tar", {"videos/e.mp4": b"four", "videos/a.mp4": b"again", ".hidden/f.mp4": b"no"})
    tars = VideoTars(str(tmp_path / "{0..1}.tar"))
    assert [shard.name for shard in tars.shards] == ["0.tar", "1.tar"]
    for name, data in {"a.mp4": b"one", "b/c.d.webm": b"three", "e.mp4": b"four"}.items():
        for asked in (name, f"./{name}", f"videos/{name}", f"./videos//{name}", f"videos/./b/../{name}"):
            assert content_of(tars, asked) == data, asked
    for name in ("c.d.webm", "f.mp4", ".hidden/f.mp4", "../0.tar", "", ".", "videos", "A.mp4", "/videos/a.mp4"):
        assert tars.find(name) is None, name
    assert not tars.damages
    clip = Clip(videos_in(str(tmp_path / "*.tar")), ("no.mp4", "no.mkv"), FOUR)
    with pytest.raises(DataError, match=rf"^{tmp_path}/\*\.tar: there is no video no\.mp4 or no\.mkv$"):
        clip.images()[0]()


def test_of_several_members_with_one_name_the_first_is_read(tmp_path: Path) -> None:
    """Image-text pairs with a member twice are left out; names that differ in case or after a dot are others here."""
    members = [("a.mp4", b"one"), ("b", b"two"), ("a.mp4", b"three"), ("b", b"four"), ("D.x.mp4", b"five")]
    pack(tmp_path / "0.tar", [*members, ("D.X.mp4", b"six"), ("D.x.mp4", b"seven"), ("./d.x.mp4", b"eight")])
    tars = VideoTars(str(tmp_path / "0.tar"))
    for name, data in dict(reversed(members)).items():
        assert content_of(tars, name) == data
    assert content_of(tars, "D.X.mp4") == b"six" and content_of(tars, "d.x.mp4") == b"eight" and not tars.damages


def test_a_video_without_an_ending(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mp4", 20)
    pack(tmp_path / "a.tar", {"v_x": video.read_bytes()})
    images = Clip(videos_in(str(tmp_path / "a.tar")), with_endings("v_x"), FOUR).images()
    assert [number_of(np.frombuffer(read()[-64 * 32 * 3 :], np.uint8).reshape(32, 64, 3)) for read in images] == [
        2, 7, 12, 17,
    ]  # fmt: skip


def test_links_lead_to_members_before_them(tmp_path: Path) -> None:
    with tarfile.open(pack(tmp_path / "0.tar", {"x/a": b"one"}), "a") as tar:
        for name, kind, target in (
            ("x/b.mp4", tarfile.LNKTYPE, "./x/a"), ("y/c.mp4", tarfile.SYMTYPE, "../x/b.mp4"),
            ("x/d.mp4", tarfile.SYMTYPE, "no.mp4"), ("x/e", tarfile.DIRTYPE, ""),
        ):  # fmt: skip
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            tar.addfile(link)
    tars = VideoTars(str(tmp_path / "0.tar"))
    assert content_of(tars, "x/b.mp4") == content_of(tars, "y/c.mp4") == b"one"
    assert tars.find("x/d.mp4") is tars.find("x/e") is None
    assert tars.damages == [f"{tmp_path}/0.tar: x/d.mp4 is a link to x/no.mp4, which is no member before it"]


def test_headers_are_read_once_for_all_that_read_the_tars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source for the tasks and one for the pixels have their own; processes forked later have what was read."""
    path, read = pack(tmp_path / "a.tar", {"a.mp4": b"one"}), []

    def noted(shard: Path) -> Iterator[NamedMember]:
        read.append(shard)
        return named_members(shard)

    monkeypatch.setattr(tars_module, "named_members", noted)
    tars = VideoTars(str(path)), VideoTars(str(path))
    assert not read and not tars[0].damages
    assert content_of(tars[0], "a.mp4") == content_of(tars[1], "a.mp4") == b"one" and read == [path]
    pack(path, {"a.mp4": b"another"})
    os.utime(path, ns=(0, 0))
    assert content_of(VideoTars(str(path)), "a.mp4") == b"another" and read == [path, path]


def test_a_clip_is_found_in_a_tar(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mkv", 20)
    pack(tmp_path / "a.tar", {"set/v.mkv": video.read_bytes()})
    images = Clip(videos_in(str(tmp_path / "a.tar")), ("v.mp4", "v.mkv", "v"), FOUR, 0.5, 1.5).images()
    frames = [np.frombuffer(read()[-64 * 32 * 3 :], np.uint8).reshape(32, 64, 3) for read in images]
    assert [number_of(frame) for frame in frames] == [6, 8, 11, 13]


def test_what_cannot_be_read_names_the_tar_and_the_member(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", 20, "libx264")
    content = {
        "empty.mp4": b"", "text.mp4": b"no video" * 100, "cut.mp4": whole.read_bytes()[:600],
        "list.mp4": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile '{whole}'\n".encode(), "whole.mp4": whole.read_bytes(),
    }  # fmt: skip
    tar = pack(tmp_path / "a.tar", content)
    for name in content:
        member = VideoTars(str(tar)).find(name)
        assert member is not None
        if name == "whole.mp4":
            assert len(read_frames(member, FOUR)) == 4
        else:
            with pytest.raises(DataError, match=rf"^{tar}: {name}: not a readable video: "):
                read_frames(member, FOUR)
    tar.write_bytes(tar.read_bytes()[: member.offset + 100])
    tars = VideoTars(str(tar))
    assert tars.damages == [f"{tar}: damaged after 5 files: whole.mp4 is cut off"]  # before any is looked for
    assert tars.find("whole.mp4") is None and tars.find("text.mp4") is not None


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")
def test_sparse_members_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.mp4").open("wb") as file:
        file.truncate(1 << 20)
    path = tmp_path / "a.tar"
    command = ["tar", "--sparse", "-cf", str(path), "-C", str(tmp_path), "a.mp4"]
    if subprocess.run(command, capture_output=True, check=False).returncode or path.stat().st_size > 1 << 20:
        pytest.skip("another tar, or a file system without holes")
    with pytest.raises(DataError, match=rf"^{path}: a.mp4: a sparse member: pack it without --sparse$"):
        VideoTars(str(path)).find("a.mp4")


def test_tars_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"there is no shard {tmp_path}/a.tar"):
        videos_in(str(tmp_path / "a.tar"))
    with pytest.raises(DataError, match=rf"^no files in {tmp_path}/empty\.tar$"):
        VideoTars(str(pack(tmp_path / "empty.tar", {}))).find("a.mp4")
    gone = VideoTars(str(tmp_path / "empty.tar"))
    (tmp_path / "empty.tar").unlink()
    with pytest.raises(DataError, match=rf"^{tmp_path}/empty\.tar: No such file or directory$"):
        gone.find("a.mp4")
    (tmp_path / "text.tar").write_text("no tar" * 1000)
    with pytest.raises(DataError, match=rf"^no files in {tmp_path}/text\.tar; {tmp_path}/text\.tar: damaged after 0"):
        assert VideoTars(str(tmp_path / "text.tar")).damages
    with pytest.raises(DataError, match="there is no folder"):
        videos_in(str(tmp_path / "videos"))
    assert videos_in(str(tmp_path)) == tmp_path
