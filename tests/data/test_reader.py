"""Names of images are what files say, and files may say anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.data.reader import image_in, require_path
from pali3kit.errors import DataError
from pali3kit.images.decode import decode_image
from pali3kit.storage.paths import inside

ROOT = Path("/data/images")


@pytest.mark.parametrize(
    "name", ["../x.jpg", "/etc/passwd", "a/../../x.jpg", "..", "", ".", "/data/images2/1.jpg", "a/.."]
)
def test_names_that_lead_out_of_the_folder_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="is no file in it"):
        inside(ROOT, name)


@pytest.mark.parametrize(
    "name", ["1.jpg", "a/b/1.jpg", "a/../1.jpg", "/data/images/1.jpg", "..jpg", "a..b/1.jpg", "./1.jpg"]
)
def test_others_lie_below_it(name: str) -> None:
    assert inside(ROOT, name).is_relative_to(ROOT)


@given(st.text(st.sampled_from("./a\\"), max_size=12))
def test_none_leads_out(name: str) -> None:
    try:
        path = inside(ROOT, name)
    except DataError:
        return
    assert os.path.normpath(path) == str(path) and path != ROOT and path.is_relative_to(ROOT)


@pytest.mark.parametrize("name", ["1.jpg\0", "\ud83d.jpg", "n" * 5000, "folder", "none.jpg", "1.jpg/x", "../secret"])
def test_a_name_that_is_no_file_is_a_data_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"out")
    (tmp_path / "images/folder").mkdir(parents=True)
    (tmp_path / "images/1.jpg").write_bytes(b"in")
    with pytest.raises(DataError, match="images"):
        image_in(tmp_path / "images", name)()


def test_the_first_that_is_there_is_read_also_through_a_link_of_its_owner(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.jpg").write_bytes(b"bytes")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/2.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    assert image_in(tmp_path / "images", "1.jpg", "2.jpg")() == b"bytes"


def test_what_never_ends_is_no_image(tmp_path: Path) -> None:
    """A pipe would be waited for, and a device fills memory."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "zero.jpg"):
        with pytest.raises(DataError, match=f"{name}: it is a pipe, socket or device"):
            image_in(tmp_path, name)()
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(DataError, match=r"folder\.jpg: Is a directory"):
        image_in(tmp_path, "folder.jpg")()


def test_of_a_huge_file_no_more_is_read_than_tells_that_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pali3kit.images.decode.MAX_FILE_BYTES", 1000)
    with (tmp_path / "1.jpg").open("wb") as file:
        file.truncate(1 << 42)
    data = image_in(tmp_path, "1.jpg")()
    assert len(data) == 1001
    with pytest.raises(DataError, match="its file is larger than"):
        decode_image(data, "x")


@pytest.mark.parametrize(
    ("written", "there"),
    [("caf\u00e9.jpg", "cafe\u0301.jpg"), ("cafe\u0301.jpg", "caf\u00e9.jpg"), ("a\\1.jpg", "a/1.jpg")],
)
def test_names_may_be_spelt_as_another_system_spells_them(written: str, there: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / there).write_bytes(b"this")
    assert image_in(tmp_path, "none.jpg", written)() == b"this"
    (tmp_path / written).write_bytes(b"as it is written")
    assert image_in(tmp_path, "none.jpg", written)() == b"as it is written"


def test_no_spelling_leads_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no file in it"):
        image_in(tmp_path, "..\\1.jpg")()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_name_too_long_is_told(what: str) -> None:
    with pytest.raises(DataError, match="aaa: File name too long"):
        require_path("a" * 300, what)
