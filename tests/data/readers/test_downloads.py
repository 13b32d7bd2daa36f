"""The row of a downloaded image: by its sidecar, else by its number."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pali3kit.data.readers.tsv import _TsvReader
from pali3kit.errors import DataError

Image = Callable[..., Path]


@pytest.fixture
def reader(tmp_path: Path) -> Callable[[int], _TsvReader]:
    (tmp_path / "images").mkdir()

    def make(rows: int) -> _TsvReader:
        lines = "".join(f"caption {row}\thttps://h.example/{row}.jpg\n" for row in range(rows))
        (tmp_path / "t.tsv").write_text(f"caption\turl\n{lines}")
        return _TsvReader(str(tmp_path / "t.tsv"), str(tmp_path / "images"))

    return make


def captions_by_file(reader: _TsvReader) -> dict[str, str]:
    """Captions by the names of the image files."""
    records = [reader.record(number) for number in range(len(reader))]
    return {Path(record.name).name: record.captions["en"][0] for record in records}


@pytest.mark.parametrize("rows", [2003, 10_003])
@pytest.mark.parametrize("ending", ["json", "txt"])
def test_shards_of_another_size_than_10000(
    rows: int, ending: str, reader: Callable[[int], _TsvReader], tmp_path: Path, image: Image
) -> None:
    """img2dataset with number_sample_per_shard=2000: the key is the shard times 10**4 plus the position in it."""
    for row in (1, 2002):
        key = f"{row // 2000 * 10_000 + row % 2000:09}"
        file = image(tmp_path / "images" / key[:5] / f"{key}.jpg").with_suffix(f".{ending}")
        known = {"caption": f"caption {row}", "url": f"https://h.example/{row}.jpg", "key": key}
        file.write_text(json.dumps(known) if ending == "json" else f"caption {row}")
    found = reader(rows)
    assert (
        captions_by_file(found) == {"000000001.jpg": "caption 1", "000010002.jpg": "caption 2002"} and not found.damages
    )


def test_keys_of_other_lengths_need_a_sidecar(
    reader: Callable[[int], _TsvReader], tmp_path: Path, image: Image
) -> None:
    image(tmp_path / "images/00001/00001002.jpg").with_suffix(".txt").write_text("caption 1002")
    image(tmp_path / "images/00001/00001003.jpg")  # nothing tells its row, and it is no key of shards of 10,000
    found = reader(2000)
    assert captions_by_file(found) == {"00001002.jpg": "caption 1002"}
    assert [damage.partition("left out: ")[2] for damage in found.damages] == [
        "1 image whose number is not a row, the first 00001/00001003.jpg"
    ]


@pytest.mark.parametrize("rows", [2003, 10_003])
def test_shards_of_another_size_without_sidecars_are_an_error(
    rows: int, reader: Callable[[int], _TsvReader], tmp_path: Path, image: Image
) -> None:
    for row in (*range(100), 2002) if rows == 10_003 else (1, 2002):
        key = f"{row // 2000 * 10_000 + row % 2000:09}"
        image(tmp_path / "images" / key[:5] / f"{key}.jpg")
    with pytest.raises(
        DataError, match=r"images: n.* img2dataset's shards do not have 10000 rows.*00001/000010002\.jpg"
    ):
        len(reader(rows))


def test_the_table_has_precedence_if_the_url_matches(
    reader: Callable[[int], _TsvReader], tmp_path: Path, image: Image
) -> None:
    """A table may have better captions than those that were downloaded."""
    file = image(tmp_path / "images/00000/000000001.jpg")
    file.with_suffix(".json").write_text(json.dumps({"caption": "the old one", "url": "https://h.example/1.jpg"}))
    assert captions_by_file(reader(3)) == {"000000001.jpg": "caption 1"}


def test_an_image_of_another_url_without_a_caption_is_an_error(
    reader: Callable[[int], _TsvReader], tmp_path: Path, image: Image
) -> None:
    for key, url in (("000000001", "https://h.example/2.jpg"), ("000000009", "https://h.example/9.jpg")):
        image(tmp_path / f"images/00000/{key}.jpg").with_suffix(".json").write_text(json.dumps({"url": url}))
    found = reader(3)
    for number, key in enumerate(("000000001", "000000009")):
        with pytest.raises(DataError, match=rf"images/00000/{key}: its url is not that of row"):
            found.record(number)


def test_the_checksum_in_a_name_must_match_its_row(
    reader: Callable[[int], _TsvReader], tmp_path: Path, image: Image
) -> None:
    """DownloadConceptualCaptions: `<row>_<crc32 of the url>`."""
    right = zlib.crc32(b"https://h.example/1.jpg")
    image(tmp_path / f"images/1_{right}")
    image(tmp_path / f"images/2_{right}")
    found = reader(3)
    assert found.record(0).captions == {"en": ("caption 1",)}
    with pytest.raises(DataError, match="its url is not that of row 2"):
        found.record(1)


def test_skipped_images_are_counted(reader: Callable[[int], _TsvReader], tmp_path: Path, image: Image) -> None:
    for name in ("a/000000000.jpg", "a/000000001.jpg", "b/000000001.jpg", "a/000000007.jpg", "a/._000000002.jpg"):
        image(tmp_path / "images" / name)
    found = reader(3)
    assert len(found) == 1
    assert [damage.partition("left out: ")[2] for damage in found.damages] == [
        "2 images of a row that has several, the first a/000000001.jpg",
        "1 image past the last of 3 rows, the first a/000000007.jpg",
    ]
