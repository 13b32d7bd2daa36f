"""CIFAR-100 in both of its layouts."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import CIFAR100

from pali3kit.data.sets.cifar import Cifar100
from pali3kit.errors import DataError

NAMES = ["apple", "aquarium_fish", "baby"]
LABELS = {"train": [2, 0, 1, 1], "test": [1, 2]}


def pixels(split: str) -> np.ndarray:
    return np.random.default_rng(len(split)).integers(0, 256, (len(LABELS[split]), 3072), dtype=np.uint8)


def python_2(value: Any) -> bytes:
    """A pickle of protocol 2, with strings as Python 2 wrote them: bytes."""
    if isinstance(value, dict):
        return b"}(" + b"".join(python_2(key) + python_2(of) for key, of in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(python_2, value)) + b"e"
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode()
    if isinstance(value, int):
        return b"K" + bytes([value])
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    shape = b"M" + struct.pack("<H", value.shape[0]) + b"M" + struct.pack("<H", value.shape[1]) + b"\x86"
    data = b"T" + struct.pack("<i", value.nbytes) + value.tobytes()
    return start + b"(K\x01" + shape + dtype + b"\x89" + data + b"tb"


def write_python(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "meta").write_bytes(b"\x80\x02" + python_2({"fine_label_names": NAMES}) + b".")
    for split, labels in LABELS.items():
        content = {"data": pixels(split), "fine_labels": labels, "coarse_labels": [0] * len(labels)}
        (root / split).write_bytes(b"\x80\x02" + python_2(content) + b".")
    return root


def write_binary(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "fine_label_names.txt").write_text("\n".join(NAMES) + "\n\n")
    for split, labels in LABELS.items():
        records = (bytes([9, label]) + row.tobytes() for label, row in zip(labels, pixels(split), strict=True))
        (root / f"{split}.bin").write_bytes(b"".join(records))
    return root


class Theirs(CIFAR100):
    """Without the checksums, which our small files cannot have."""

    train_list = [["train", None]]  # noqa: RUF012
    test_list = [["test", None]]  # noqa: RUF012
    meta = {**CIFAR100.meta, "md5": None}  # noqa: RUF012


@pytest.mark.filterwarnings("ignore:numpy.core")
@pytest.mark.parametrize("split", ["train", "test"])
def test_python_2_as_torchvision_reads_it(tmp_path: Path, split: str) -> None:
    write_python(tmp_path / "cifar-100-python")
    ours, theirs = Cifar100(str(tmp_path), image_size=64), Theirs(str(tmp_path), train=split == "train")
    assert ours.classes == ("apple", "aquarium fish", "baby") and theirs.classes == NAMES
    assert ours.labels(split).tolist() == theirs.targets == LABELS[split] and ours.labels(split).dtype == np.int64
    assert ours.size(split) == len(theirs) and ours.size("v2") == 0 and ours.relabelled(split) is None
    for index in range(len(theirs)):
        np.testing.assert_array_equal(ours.image(split, index), np.asarray(theirs[index][0]))


def test_both_layouts_hold_the_same(tmp_path: Path) -> None:
    pickled, binary = Cifar100(str(write_python(tmp_path / "p"))), Cifar100(str(write_binary(tmp_path / "b")))
    assert pickled.classes == binary.classes
    for split in LABELS:
        np.testing.assert_array_equal(pickled.labels(split), binary.labels(split))
        np.testing.assert_array_equal(pickled.image(split, 1), binary.image(split, 1))
    image = binary.image("test", 1)
    assert image.shape == (32, 32, 3) and image[0, 1].tolist() == pixels("test")[1, [1, 1025, 2049]].tolist()


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickles_of_python_3(tmp_path: Path, protocol: int) -> None:
    root = write_python(tmp_path / "p")
    content = {"data": pixels("test"), "fine_labels": [0, 2]}
    data = pickle.dumps(content, protocol)
    if protocol == 2:  # as bytes of Python 3 need a function of another module
        (root / "test").write_bytes(data)
        with pytest.raises(
            DataError, match=r"test: not a pickle of arrays: it would load _codecs\.encode; only arrays"
        ):
            Cifar100(str(root))
    else:
        (root / "test").write_bytes(data)
        assert Cifar100(str(root)).labels("test").tolist() == [0, 2]
        again = {key.encode(): value for key, value in content.items()}  # read with encoding="bytes", written again
        (root / "test").write_bytes(pickle.dumps(again, protocol))
        (root / "meta").write_bytes(pickle.dumps({b"fine_label_names": [name.encode() for name in NAMES]}, protocol))
        assert Cifar100(str(root)).labels("test").tolist() == [0, 2]
        assert Cifar100(str(root)).classes == ("apple", "aquarium fish", "baby")


def test_digests_differ_by_label(tmp_path: Path) -> None:
    root = write_binary(tmp_path / "b")
    before = Cifar100(str(root)).digest
    data = bytearray((root / "test.bin").read_bytes())
    data[1] = 0
    (root / "test.bin").write_bytes(data)
    assert Cifar100(str(root)).digest != before


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harm",)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("test", None, r"test: No such file or directory; it is part of CIFAR-100"),
        ("test", b"\x80\x02}(U\x04da", r"test: not a pickle of arrays: "),
        ("test", b"", r"test: not a pickle of arrays: "),
        ("test", pickle.dumps(Harmful()), r"test: not a pickle of arrays: it would load \w+\.mkdir; only arrays"),
        ("test", pickle.dumps([1], 2), r"test: this should be a mapping, not a list\."),
        ("test", pickle.dumps({"fine_labels": [1]}, 2), r"test: field 'data' should be an array"),
        ("test", b"\x80\x02" + python_2({"data": pixels("test")}) + b".", r"test: no field 'fine_labels'\."),
        (
            "test",
            b"\x80\x02" + python_2({"data": pixels("test"), "fine_labels": [1]}) + b".",
            r"test: 'data' should be uint8 \[1, 3072\], one row for each label, not uint8 \[2, 3072\]",
        ),
        (
            "test",
            b"\x80\x02" + python_2({"data": pixels("test"), "fine_labels": [1, "a"]}) + b".",
            r"test: image 1 has label 'a', but labels are 0 to 2",
        ),
        (
            "test",
            b"\x80\x02" + python_2({"data": pixels("test"), "fine_labels": [1, 3]}) + b".",
            r"test: image 1 has label 3, but labels are 0 to 2",
        ),
        ("meta", pickle.dumps({"names": []}, 2), r"meta: no field 'fine_label_names'\."),
        ("meta", pickle.dumps({"fine_label_names": [1]}, 2), r"meta: 'fine_label_names' should be strings"),
    ],
)
def test_damaged_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: Any, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    root = write_python(tmp_path / "p")
    (root / name).unlink() if content is None else (root / name).write_bytes(content)
    with pytest.raises(DataError, match=expected):
        Cifar100(str(root))
    assert not Path("harm").exists()


def test_damaged_bytes(tmp_path: Path) -> None:
    root = write_binary(tmp_path / "b")
    whole = (root / "test.bin").read_bytes()
    (root / "test.bin").write_bytes(whole[:-1])
    with pytest.raises(
        DataError, match=r"test\.bin: 6147 bytes are not a multiple of the record size 3074: is it truncated\?"
    ):
        Cifar100(str(root))
    (root / "test.bin").write_bytes(whole[:3074] + bytes([9, 3]) + whole[3076:])
    with pytest.raises(DataError, match=r"test\.bin: image 1 has label 3, but labels are 0 to 2"):
        Cifar100(str(root))
    (root / "test.bin").unlink()
    with pytest.raises(DataError, match=r"test\.bin: No such file or directory; it is part of CIFAR-100"):
        Cifar100(str(root))


def test_neither_layout(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"meta or fine_label_names\.txt not found in it or in its cifar-100-python or"):
        Cifar100(str(tmp_path))
