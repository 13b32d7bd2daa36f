"""Parquet of LAION, of img2dataset and of Hugging Face."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.readers.parquet import _create, _ParquetReader
from pali3kit.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def table(path: Path, columns: dict[str, list[Any]], rows: int = 2) -> str:
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return str(path)


def test_img2datasets_keys_and_files(tmp_path: Path, image: Callable[..., Path]) -> None:
    """The metadata beside its output format `files`; the second row failed."""
    keys = ["000000000", "000000001", "000120034"]
    for key in (keys[0], keys[2]):
        image(tmp_path / f"{key[:5]}/{key}.jpg", shade=int(key[-2:]) + 1)
    columns = {"url": ["u"] * 3, "caption": ["a", "b", "c "], "key": keys, "status": ["success", "failed_to_download"]}
    columns["status"].append("success")
    source = _create(table(tmp_path / "00000.parquet", columns), str(tmp_path))
    found = {source.record("train", i).captions["en"]: source.image("train", i).max() for i in range(2)}
    assert source.size("train") == 2 and found == {("a",): 1, ("c",): 35}


@pytest.mark.parametrize("kind", ["jpg", "image"])
def test_bytes_in_the_table(tmp_path: Path, image: Callable[..., Path], kind: str) -> None:
    """Bytes alone as of img2dataset, or with a path as of Hugging Face; LAION writes TEXT and URL."""
    data = [image(tmp_path / f"{shade}.png", shade=shade).read_bytes() for shade in range(5)]
    found = data if kind == "jpg" else [{"bytes": one, "path": None} for one in data]
    columns = {"URL": ["u"] * 5, "TEXT": list("abcde"), kind: found}
    reader = _ParquetReader(table(tmp_path / "a.parquet", columns))
    assert [(reader.record(i).captions["en"][0], reader.record(i).read_image()) for i in range(5)] == list(
        zip("abcde", data, strict=True)
    )


def test_malformed_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(DataError, match=r"a\.parquet: no column 'caption'\. Did you mean 'captoin'\?"):
        len(_ParquetReader(table(path, {"captoin": ["a"], "jpg": [b"x"]})))
    with pytest.raises(DataError, match=r"b\.parquet: row group 0, row 1: 'caption' should be a text that is"):
        _ParquetReader(table(tmp_path / "b.parquet", {"caption": ["a", None], "jpg": [b"x"] * 2})).record(1)
    with pytest.raises(DataError, match=r"c\.parquet: no column jpg, png, .*, and no `images` with a column key"):
        _ParquetReader(table(tmp_path / "c.parquet", {"caption": ["a"], "url": ["u"]})).record(0)
    with pytest.raises(DataError, match=r"d\.parquet: row group 1, row 0: 'jpg' should hold an image's bytes"):
        columns = {"caption": ["a", "b", "c"], "jpg": [b"x", b"y", None]}
        _ParquetReader(table(tmp_path / "d.parquet", columns)).record(2).read_image()
    (tmp_path / "e.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"e\.parquet: not a Parquet file: "):
        len(_ParquetReader(str(tmp_path / "e.parquet")))


def test_without_the_library_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path / "f.parquet", {"caption": ["a"], "jpg": [b"x"]})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"needs pyarrow: pip install 'pali3kit\[parquet\]'"):
        len(_ParquetReader(path))


@pytest.mark.parametrize(
    ("columns", "right"),
    [
        ({"caption": [["a cat", "a mat"]]}, ("a cat", "a mat")),
        ({"captions": [["a cat", " "]]}, ("a cat",)),
        ({"caption": ["a  cut\nemoji"]}, ("a cut emoji",)),
    ],
)
def test_captions_may_be_lists(columns: dict[str, list[Any]], right: tuple[str, ...], tmp_path: Path) -> None:
    path = table(tmp_path / "f.parquet", {**columns, "jpg": [b"bytes"]})
    assert _ParquetReader(path).record(0).captions == {"en": right}


@pytest.mark.parametrize(
    "columns",
    [
        {"image": [{"bytes": None, "path": "1.jpg"}]},
        {"image": ["1.jpg"]},
        {"image_path": ["1.jpg"]},
        {"file_name": ["1.jpg"]},
        {"key": ["00001002"]},  # shards of 1000
    ],
)
def test_images_may_be_paths(columns: dict[str, list[Any]], tmp_path: Path) -> None:
    (tmp_path / "images/00001").mkdir(parents=True)
    for name in ("1.jpg", "00001/00001002.jpg"):
        (tmp_path / "images" / name).write_bytes(b"bytes")
    path = table(tmp_path / "f.parquet", {**columns, "caption": ["a cat"]})
    assert _ParquetReader(path, str(tmp_path / "images")).record(0).read_image() == b"bytes"


@pytest.mark.parametrize("value", [[], [" "], ["a", None], None, " "])
def test_an_invalid_caption_is_an_error_with_its_row(value: object, tmp_path: Path) -> None:
    column = pa.array([value], pa.list_(pa.string()) if isinstance(value, list) else pa.string())
    pq.write_table(pa.table({"caption": column, "jpg": [b"bytes"]}), tmp_path / "f.parquet")
    with pytest.raises(
        DataError, match=r"f\.parquet: row group 0, row 0: 'caption' should be a text that is not empty"
    ):
        _ParquetReader(str(tmp_path / "f.parquet")).record(0)


def test_paths_need_images_and_must_not_lead_out(tmp_path: Path) -> None:
    path = table(tmp_path / "f.parquet", {"caption": ["a cat"], "image": ["../f.parquet"]})
    with pytest.raises(DataError, match="and there is no folder `images`"):
        _ParquetReader(path).record(0).read_image()
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="is no file in it"):
        _ParquetReader(path, str(tmp_path / "images")).record(0).read_image()


def test_undecodable_text_is_a_data_error(tmp_path: Path) -> None:
    wrong = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"caption": wrong, "jpg": [b"bytes"]}), tmp_path / "f.parquet")
    with pytest.raises(DataError, match=r"row group 0, row 0: 'caption' cannot be read: 'utf-8' codec"):
        _ParquetReader(str(tmp_path / "f.parquet")).record(0)


def test_one_damaged_file_of_many_is_reported(tmp_path: Path) -> None:
    table(tmp_path / "b.parquet", {"jpg": [b"1"], "caption": ["a cat"]})
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    table(tmp_path / "c.parquet", {"jpg": [b"1"], "image": ["no text"]})
    reader = _ParquetReader(str(tmp_path))
    assert len(reader) == 1 and reader.record(0).captions == {"en": ("a cat",)}
    assert [Path(damage.partition(": ")[0]).name for damage in reader.damages] == ["a.parquet", "c.parquet"]


def test_keys_may_be_short_and_are_not_missing(tmp_path: Path, image: Callable[..., Path]) -> None:
    image(tmp_path / "7.jpg")
    reader = _ParquetReader(table(tmp_path / "a.parquet", {"key": ["7", None], "caption": ["a", "b"]}), str(tmp_path))
    assert reader.record(0).read_image()
    with pytest.raises(DataError, match="row 1: 'key' should be a text, not nothing"):
        reader.record(1)


def test_captions_of_a_mirror(tmp_path: Path) -> None:
    """TextCaps' on the hub: a list of captions for each image, none in the test split."""
    columns = {"caption": "caption_str", "id": "image_id"}
    told = {"image": [b"1", b"2"], "caption": ["not", "these"], "image_id": ["0a", "0b"]}
    train = table(tmp_path / "train.parquet", {**told, "caption_str": [["A sign.", "A bus."], ["A cat."]]})
    test = table(tmp_path / "test.parquet", {**told, "caption_str": pa.array([None, []], pa.list_(pa.string()))})
    source = _create(train, columns=columns, test=test)
    assert {source.record("train", n).captions["en"] for n in range(2)} == {("A sign.", "A bus."), ("A cat.",)}
    records = [source.record("test", n) for n in range(2)]
    assert [(record.id, record.hidden, record.captions) for record in records] == [("0a", True, {}), ("0b", True, {})]
    with pytest.raises(DataError, match=r"train\.parquet: no column 'captions_str'\. Did you mean 'caption_str'\?"):
        len(_ParquetReader(train, columns={"caption": "captions_str"}))
    with pytest.raises(DataError, match=r"columns: nothing is called 'captoin'\. Did you mean 'caption'\?"):
        _ParquetReader(train, columns={"captoin": "caption_str"})
    with pytest.raises(DataError, match=r"row group 0, row 0: 'image' should be a number or a text, not a bytes"):
        _ParquetReader(train, columns={"caption": "caption_str", "id": "image"}).record(0)
    with pytest.raises(DataError, match=r"row group 0, row 0: 'caption_str' should be a text that is not empty"):
        _ParquetReader(test, columns=columns).record(0)
