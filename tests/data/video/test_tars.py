"""Videos in tars: read where they lie as from files, and what cannot be read names the tar and the member."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pali3kit.data.video.clip import Clip
from pali3kit.data.video.decode import FilePart, read_frames
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.data.video.tars import VideoTars, videos_in
from pali3kit.errors import DataError
from tests.clips import number_of, write_clip

FOUR = FrameSampling(4)


def pack(path: Path, content: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


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
    pack(tmp_path / "0.tar", {"./videos/a.MP4": b"one", "videos/a.json": b"{}", "videos/b/c.d.webm": b"three"})
    pack(tmp_path / "1.tar", {"videos/e.mp4": b"four", "videos/a.mp4": b"again", ".hidden/f.mp4": b"no"})
    tars = VideoTars(str(tmp_path / "{0..1}.tar"))
    assert not tars.damages and [shard.name for shard in tars.shards] == ["0.tar", "1.tar"]

    def content(name: str) -> bytes | None:
        found = tars.find(name)
        return None if found is None else found.path.read_bytes()[found.offset : found.offset + found.length]

    for name, data in {"a.mp4": b"one", "b/c.d.webm": b"three", "e.mp4": b"four"}.items():
        assert content(name) == content(f"videos/{name}") == data
    assert content("c.d.webm") is content("f.mp4") is content("../0.tar") is content("") is None
    clip = Clip(videos_in(str(tmp_path / "*.tar")), ("no.mp4", "no.mkv"), FOUR)
    with pytest.raises(DataError, match=rf"^{tmp_path}/\*\.tar: there is no video no\.mp4 or no\.mkv$"):
        clip.images()[0]()


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
    assert tars.find("whole.mp4") is None and tars.find("text.mp4") is not None
    [damage] = tars.damages
    assert damage == f"{tar}: damaged after 5 samples: whole.mp4 is cut off"
    tars._places["sparse.mp4"] = (0, 512, -99)
    with pytest.raises(DataError, match=rf"^{tar}: sparse.mp4: a sparse member: pack it without --sparse$"):
        tars.find("sparse.mp4")


def test_tars_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"there is no shard {tmp_path}/a.tar"):
        videos_in(str(tmp_path / "a.tar"))
    with pytest.raises(DataError, match="there is no folder"):
        videos_in(str(tmp_path / "videos"))
    with pytest.raises(DataError, match=r"^https://lab/a\.tar: tars of videos are read from this machine alone"):
        videos_in("https://lab/a.tar")
    assert videos_in(str(tmp_path)) == tmp_path
