"""Pairs in tar shards."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.pairs import PairSource
from pali3kit.data.shard_names import expand_shards
from pali3kit.errors import DataError


def image(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (10, 6), (shade, shade, shade)).save(file, "png")
    return file.getvalue()


def shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def two(folder: Path) -> str:
    shard(folder / "s-00.tar", {"0.png": image(1), "0.txt": b"a cat", "0.cls": b"3 1", "1.txt": b"no image"})
    told = {"caption": "a dog", "width": 10}
    shard(folder / "s-01.tar", {"2.PNG": image(2), "2.json": json.dumps(told).encode(), "3.json": b"[", "3.cls": b"x"})
    return str(folder / "s-{00..01}.tar")


def test_images_texts_and_labels(tmp_path: Path) -> None:
    records = PairSource(two(tmp_path), classes=4).pairs
    assert len(records) == 4 and records.classes == ("0", "1", "2", "3")
    assert records.image_bytes(0) == image(1) and records.image_bytes(2) == image(2)
    assert records.text(0) == "a cat" and records.text(2) == "a dog" and records.labels(0) == (3, 1)


@pytest.mark.parametrize(
    ("ask", "number", "complaint"),
    [
        ("image_bytes", 1, r"s-00\.tar: sample 1: no image, but txt"),
        ("text", 3, r"s-01\.tar: sample 3: \.json: no JSON"),
        ("labels", 3, r"sample 3: labels 'x' are no numbers below 4"),
        ("labels", 2, r"sample 2 has no \.cls, but json, png"),
    ],
)
def test_what_is_wrong_with_a_sample(tmp_path: Path, ask: str, number: int, complaint: str) -> None:
    records = PairSource(two(tmp_path), classes=4).pairs
    with pytest.raises(DataError, match=complaint):
        getattr(records, ask)(number)


def test_labels_are_below_the_number_of_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="labels '3 1' are no numbers below 3"):
        PairSource(two(tmp_path), classes=3).pairs.labels(0)


def test_damaged_shards_are_named(tmp_path: Path) -> None:
    path = two(tmp_path)
    whole = (tmp_path / "s-00.tar").read_bytes()
    (tmp_path / "s-00.tar").write_bytes(whole[:1200])
    source = PairSource(path)
    assert len(source.pairs) == 3 and len(source.damages) == 1 and "s-00.tar: damaged after 1" in source.damages[0]


def test_shards_by_range_and_by_pattern(tmp_path: Path) -> None:
    path = two(tmp_path)
    assert (
        expand_shards(path)
        == expand_shards(str(tmp_path / "s-*.tar"))
        == [tmp_path / "s-00.tar", tmp_path / "s-01.tar"]
    )
    with pytest.raises(DataError, match=r"8 of 10 shards of .* are not there: .*s-02\.tar"):
        expand_shards(str(tmp_path / "s-{00..09}.tar"))
    with pytest.raises(DataError, match="there is no shard"):
        expand_shards(str(tmp_path / "t-*.tar"))


def test_planning_reads_no_shard(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no archive at all")
    source = PairSource(str(tmp_path / "a.tar"))
    assert len(source.digest) == 64
    with pytest.raises(DataError, match="no samples"):
        len(source.pairs)


def test_texts_are_captions_of_tasks(tmp_path: Path) -> None:
    source = PairSource(two(tmp_path), classes=4, language="de", test=str(tmp_path / "s-01.tar"))
    task = source.task("caption_de", 16)
    targets = [(task.draw("train", i, np.random.default_rng(0)), source.number("train", i)) for i in range(4)]
    assert {(example.target if example else None, number) for example, number in targets} == {
        ("a cat", 0), ("no image", 1), ("a dog", 2), (None, 3),
    }  # fmt: skip
    assert len(source.skips.lines) == 1 and "sample 3: .json: no JSON" in next(iter(source.skips.lines))
    assert source.size("test") == 2 and source.languages == ("de",)
    example = source.task("splitcap", 16).draw("test", 0, np.random.default_rng(0))
    assert example is not None and "a dog".endswith(example.target)


def test_the_filter_leaves_pretraining_alone(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", {"0.png": image(1), "0.txt": b"IMG_2041.jpg"})
    source = PairSource(str(tmp_path / "a.tar"), filter=True)
    assert source.task("splitcap", 16).draw("train", 0, np.random.default_rng(0)) is None
    assert source.alt_text("train", 0, np.random.default_rng(0)) == "IMG_2041.jpg"


def test_captions_are_texts_and_may_be_several(tmp_path: Path) -> None:
    members = {
        "0.json": json.dumps({"caption": ["a cat", "a mat"]}).encode(),
        "1.txt": "\ufeffa cat\na dog sits\n".encode(),
        "2.txt": b"one\ntext", "2.json": json.dumps({"caption": "one\ntext", "key": "2"}).encode(),
        "3.txt": b"", "3.json": b'{"caption": "from json"}',
        "4.json": json.dumps({"caption": {"en": "a cat"}}).encode(),
        "5.json": b'{"caption": NaN}',
        "6.jpg": b"",
    }  # fmt: skip
    pairs = PairSource(str(shard(tmp_path / "a.tar", members))).pairs
    told = [pairs.record(number).captions["en"] for number in range(4)]
    assert told == [("a cat", "a mat"), ("a cat", "a dog sits"), ("one text",), ("from json",)]
    assert [pairs.text(number) for number in range(4)] == ["a cat", "a dog sits", "one text", "from json"]
    for number, complaint in (
        (4, r"\.json: 'caption' should be a text or a list"),
        (5, "the number nan"),
        (6, "no text in it, but jpg"),
    ):
        with pytest.raises(DataError, match=rf"a\.tar: sample {number}: .*{complaint}|sample {number}: {complaint}"):
            pairs.record(number)


def test_the_image_is_that_of_open_clip_where_there_are_several(tmp_path: Path) -> None:
    members = {"0.webp": image(1), "0.jpeg": image(2), "0.png": image(3), "0.txt": b"a", "1.gif": image(4)}
    pairs = PairSource(str(shard(tmp_path / "a.tar", members))).pairs
    assert pairs.image_bytes(0) == image(3) and pairs.image_bytes(1) == image(4)


def test_labels_with_a_mark_and_ranges_without_end(tmp_path: Path) -> None:
    path = str(shard(tmp_path / "a.tar", {"0.cls": "\ufeff3 1".encode(), "1.cls": b"9" * 5000}))
    pairs = PairSource(path, classes=4).pairs
    assert pairs.labels(0) == (3, 1)
    with pytest.raises(DataError, match="are no numbers below 4"):
        pairs.labels(1)
    with pytest.raises(DataError, match="names more than 1000000 shards"):
        expand_shards(str(tmp_path / "{0..99999999999}.tar"))


@pytest.mark.parametrize("written", ["1_0", "\u0663", "2.0", "", "-1", "9" * 5000, "4"])
def test_labels_are_written_in_digits(written: str, tmp_path: Path) -> None:
    source = PairSource(str(shard(tmp_path / "a.tar", {"0.cls": written.encode()})), classes=4)
    with pytest.raises(DataError, match=r"sample 0: labels '.*' are no numbers below 4"):
        source.pairs.labels(0)


def test_a_shard_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    assert expand_shards(str(shard(tmp_path / "a[1].tar", {}))) == [tmp_path / "a[1].tar"]


def test_shards_that_are_no_files_are_damages(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", {"0.txt": b"a cat"})
    os.mkfifo(tmp_path / "b.tar")
    (tmp_path / "c.tar").mkdir()
    (tmp_path / "d.tar").symlink_to("nowhere")
    source = PairSource(str(tmp_path / "*.tar"))
    assert source.digest and source.size("train") == 1
    assert [damage.removeprefix(f"{tmp_path}/") for damage in source.damages] == [
        "b.tar: damaged after 0 samples: it is no file",
        "c.tar: damaged after 0 samples: it is no file",
        "d.tar: damaged after 0 samples: No such file or directory",
    ]


def test_a_member_larger_than_any_image_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pali3kit.data.sample.MAX_FILE_BYTES", 1000)
    source = PairSource(str(shard(tmp_path / "a.tar", {"0.jpg": bytes(1001), "0.txt": b"a cat"})))
    with pytest.raises(DataError, match=r"sample 0: its \.jpg is larger than 0\.001 MB"):
        source.pairs.image_bytes(0)
