"""Tables of Conceptual Captions with images downloaded by img2dataset and others."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pali3kit.data.readers.tsv import _create, _TsvReader
from pali3kit.errors import DataError

CC3M = "a very typical bus station\thttp://x.org/bus.jpg\nthe sea at night\thttp://x.org/image.jpg\na dog\thttp://y.org/1\n"


def table(folder: Path, text: str) -> str:
    path = folder / "Train_GCC-training.tsv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_cc3m_with_the_files_of_img2dataset(tmp_path: Path, image: Callable[..., Path]) -> None:
    """Row 1 failed to download."""
    image(tmp_path / "images/00000/000000000.jpg", shade=10)
    image(tmp_path / "images/00000/000000002.jpg", shade=12)
    (tmp_path / "images/00000/000000000.txt").write_text("a very typical bus station")
    (tmp_path / "images/00000.parquet").write_bytes(b"")
    source = _create(table(tmp_path, CC3M), str(tmp_path / "images"))
    found = {source.record("train", i).captions["en"]: source.image("train", i)[0, 0, 0] for i in range(2)}
    assert source.size("train") == 2
    assert found == {("a very typical bus station",): 10, ("a dog",): 12}


def test_cc12m_has_the_url_first_and_shards_of_10000_rows(tmp_path: Path, image: Callable[..., Path]) -> None:
    rows = [f"https://x.org/{row}.jpg\tcaption {row}" for row in range(10_003)]
    image(tmp_path / "images/00001/000010002.jpg")
    reader = _TsvReader(table(tmp_path, "\n".join(rows)), str(tmp_path / "images"))
    assert len(reader) == 1 and reader.record(0).captions == {"en": ("caption 10002",)}


def test_the_files_of_download_conceptual_captions(tmp_path: Path, image: Callable[..., Path]) -> None:
    """`<row>_<crc32 of the url>`, without an ending."""
    image(tmp_path / "training/1_1108581498", shade=7)
    source = _create(table(tmp_path, CC3M), str(tmp_path / "training"), language="de")
    assert source.size("train") == 1 and source.languages == ("de",)
    assert source.record("train", 0).captions == {"de": ("the sea at night",)} and source.image("train", 0).max() == 7


def test_a_header_names_the_columns(tmp_path: Path, image: Callable[..., Path]) -> None:
    """As open_clip writes them: paths, not urls."""
    image(tmp_path / "images/a/1.png", shade=3)
    text = "id\tfilepath\ttitle\r\n7\ta/1.png\tein Hund\r\n8\ta/2.png\teine Katze\r\n"
    reader = _TsvReader(table(tmp_path, text), str(tmp_path / "images"))
    assert len(reader) == 2 and reader.record(0).captions == {"en": ("ein Hund",)}
    assert reader.record(0).read_image() and reader.record(0).name.endswith(".tsv:2")
    with pytest.raises(DataError, match=r"images: there is no image a/2\.png"):
        reader.record(1).read_image()


def test_malformed_tables(tmp_path: Path, image: Callable[..., Path]) -> None:
    images = str(image(tmp_path / "images/00000/000000001.jpg").parents[1])
    for text, row, expected in (
        (
            "a cat\ta.png\nno tab here\n",
            1,
            r"training\.tsv:2: no tab between .*: 'no tab here'",
        ),
        ("a cat\ta.png\n \tb.png\n", 1, r"training\.tsv:2: its caption is empty"),
        ("id\tcaption\turl\n1\ta cat\ta.png\n2\ta dog\n", 1, r"training\.tsv:3: 2 columns, where the first line has 3"),
        ("a cat, http://x.org/a.png", 0, r"training\.tsv:1: no tab"),
        ("", 0, r"training\.tsv: it is empty"),
    ):
        with pytest.raises(DataError, match=expected):
            _TsvReader(table(tmp_path, text), images).record(row)


def test_file_names_without_rows_are_an_error(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "images/bus.jpg")
    with pytest.raises(DataError, match=r"images: no image is named after its row, such as 00000/000000000\.jpg"):
        len(_TsvReader(table(tmp_path, CC3M), str(tmp_path / "images")))
    with pytest.raises(DataError, match=r"there is no folder .*imges\. Did you mean 'images'\?"):
        _TsvReader(table(tmp_path, CC3M), str(tmp_path / "imges"))


def test_bad_rows_are_skipped_and_reported(tmp_path: Path, image: Callable[..., Path]) -> None:
    source = _create(table(tmp_path, "a cat\ta.png\nno tab here\n"), str(tmp_path))
    task = source.task("caption", 16)
    drawn = [task.draw("train", i, np.random.default_rng(i)) for i in range(2)]
    assert [example.target for example in drawn if example] == ["a cat"]
    assert len(source.skips.lines) == 1 and "Train_GCC-training.tsv:2" in next(iter(source.skips.lines))


def test_the_filter_drops_and_reports_texts(tmp_path: Path) -> None:
    source = _create(table(tmp_path, "a cat on a mat\ta.png\nIMG_2041.jpg\tb.png\n"), str(tmp_path), filter=True)
    task = source.task("splitcap", 16)
    drawn = [task.draw("train", i, np.random.default_rng(i)) for i in range(2)]
    assert sum(example is not None for example in drawn) == 1
    assert source.text_filters["texts"].summary()["dropped"] == {
        "file name": {"count": 1, "examples": ["IMG_2041.jpg"]}
    }


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (b'title\tfilepath\n"a ""red"" car"\t1.jpg\n"two\nlines"\t1.jpg\n"a\ttab"\t1.jpg\n',
         ['a "red" car', "two lines", "a tab"]),
        (b'filepath,title\n1.jpg,a cat\n1.jpg,"a, b"\n', ["a cat", "a, b"]),
        (b'"title"\t"filepath"\r\n"a cat"\t"1.jpg"\r\n', ["a cat"]),
        (b"a cat\t1.jpg\ra dog\t1.jpg\r", ["a cat", "a dog"]),
        (b"\xef\xbb\xbfTitle\tFilepath\r\na cat\t1.jpg\r\n", ["a cat"]),
        (b'"lone quote\t1.jpg\nthe ""two""\t1.jpg\n', ['"lone quote', 'the ""two""']),  # CC3M has no quoting
        (b"url\timage_path\tcaption\nhttp://x.org/a\t1.jpg\ta cat\n", ["a cat"]),  # a path is surer than a url
    ],
)  # fmt: skip
def test_quoted_tables_and_plain_ones(
    data: bytes, right: list[str], tmp_path: Path, image: Callable[..., Path]
) -> None:
    image(tmp_path / "images/1.jpg")
    (tmp_path / "t.tsv").write_bytes(data)
    reader = _TsvReader(str(tmp_path / "t.tsv"), str(tmp_path / "images"))
    assert [reader.record(number).captions["en"][0] for number in range(len(reader))] == right
    assert all(reader.record(number).read_image() for number in range(len(reader)))


@pytest.mark.parametrize(
    ("data", "row", "expected"),
    [
        (b"a cat\t1.jpg\textra\na dog\t1.jpg\n", 0, r"t\.tsv:1: 3 columns, and no header that names them"),
        (b"http://x.org/1\ta\tb\n", 0, r"t\.tsv:1: 3 columns"),
        (b"title\tlink\na cat\t1.jpg\n", 0, r"t\.tsv:1: no column for a url or path among title, link"),
        (b"title\tpath\tpath\na\tb\tc\n", 0, r"t\.tsv:1: two columns are called 'path'"),
        (b'title\tpath\n"a cat\t1.jpg\n', 0, r"t\.tsv:2: no readable row"),
        (b"title\tpath\n", 0, r"t\.tsv: it has no rows"),
        ("a\tb\n".encode("utf-16"), 0, r"t\.tsv: it is utf-16, or no text: write it in UTF-8"),
        (gzip.compress(b"a cat\t1.jpg\n", mtime=0), 0, r"t\.tsv: it is packed with gzip"),
    ],
)
def test_ambiguous_tables_are_errors(data: bytes, row: int, expected: str, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(data)
    with pytest.raises(DataError, match=expected):
        _TsvReader(str(tmp_path / "t.tsv"), str(tmp_path)).record(row)


def test_a_bad_first_row_affects_no_other(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "images/00000/000000001.jpg", shade=3)
    (tmp_path / "t.tsv").write_text("no tab\nhttp://x.org/1.jpg\ta dog\n")
    reader = _TsvReader(str(tmp_path / "t.tsv"), str(tmp_path / "images"))
    assert len(reader) == 1 and reader.record(0).captions == {"en": ("a dog",)}


def test_folders_of_shards_may_be_links(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "other disk" / "000000000.jpg")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "00000").symlink_to(tmp_path / "other disk")
    reader = _TsvReader(table(tmp_path, CC3M), str(tmp_path / "images"))
    assert len(reader) == 1 and reader.record(0).captions["en"] == ("a very typical bus station",)
