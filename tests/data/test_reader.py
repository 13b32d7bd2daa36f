"""Names of pictures are what files say, and files may say anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.data.reader import inside, picture_in
from pali3kit.errors import DataError

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
        picture_in(tmp_path / "images", name)()


def test_the_first_that_is_there_is_read_also_through_a_link_of_its_owner(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.jpg").write_bytes(b"bytes")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/2.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    assert picture_in(tmp_path / "images", "1.jpg", "2.jpg")() == b"bytes"
