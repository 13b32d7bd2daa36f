"""Missing or damaged files of sets and their error messages, which docs/data.md quotes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pali3kit.data.sets.birds import Birds
from pali3kit.data.sets.cifar import Cifar100
from pali3kit.data.sets.dtd import Dtd
from pali3kit.data.sets.imagenet import ImageNet
from pali3kit.data.sets.pets import Pets
from pali3kit.data.sets.xm3600 import Xm3600
from pali3kit.errors import DataError

DOCS = (Path(__file__).parents[3] / "docs/data.md").read_text(encoding="utf-8")
SECTION = DOCS.split("## Sets for the encoder alone")[1].split("\n## ")[0]
TOLD = dict(re.findall(r"^\| (\w[^|]+) \| `([^`]+)` \|$", SECTION, re.MULTILINE))


def write(**files: str) -> None:
    """Write text files; in their names, two underscores stand for `/`, and `.txt` is appended."""
    for name, text in files.items():
        file = Path(f"{name.replace('__', '/')}.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def no_layout() -> None:
    Path("data").mkdir()
    Pets("data")


def no_list() -> None:
    write(pets__annotations__trainval="Abyssinian_1 1 1 1\n")
    Pets("pets")


def cut_off_line() -> None:
    write(pets__annotations__trainval="Abyssinian_1 1 1 1\n")
    write(pets__annotations__test="Abyssinian_2 1 1 1\nAbyssinian_3 1 1 1\nBritish_Shorthair_1 3")
    Pets("pets")


def no_such_class() -> None:
    four = "".join(f"{n} {1 + n // 3}\n" for n in range(1, 4))
    write(CUB_200_2011__images=four + "4 a/b.jpg\n", CUB_200_2011__classes="1 001.A\n2 002.B\n")
    write(CUB_200_2011__image_class_labels=four + "4 3\n")
    write(CUB_200_2011__train_test_split="".join(f"{n} 1\n" for n in range(1, 5)))
    Birds("CUB_200_2011")


def no_image() -> None:
    write(dtd__labels__train1="banded/1.jpg\n", dtd__labels__test1="banded/banded_0001.jpg\n")
    Path("dtd/images/banded").mkdir(parents=True)
    Path("dtd/images/banded/1.jpg").touch()
    Dtd("dtd")


def cut_off_file() -> None:
    write(fine_label_names="apple\n")
    Path("train.bin").write_bytes(bytes(3074))
    Path("test.bin").write_bytes(bytes(2 * 3074 - 1))
    Cifar100(".")


def other_real() -> None:
    folder = Path("val/n01440764")
    folder.mkdir(parents=True)
    (folder / "ILSVRC2012_val_00000004.JPEG").touch()
    Path("real.json").write_text("[[0], [], [0]]")
    ImageNet(".", real="real.json")


def empty_class() -> None:
    for name in ("train/n01440764/1", "train/n01443537/1", "val/n01443537/ILSVRC2012_val_00000004"):
        file = Path(f"imagenet/{name}.JPEG")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    ImageNet("imagenet")


def twice() -> None:
    Path("images").mkdir()
    Path("captions.jsonl").write_text("".join(f'{{"image/key": "{key}"}}\n' for key in ("7cbb", "a", "7cbb")))
    Xm3600("captions.jsonl", "images")


CASES: dict[str, Callable[[], None]] = {
    "another folder": no_layout,
    "a list is not there": no_list,
    "a line is cut off": cut_off_line,
    "a label out of range": no_such_class,
    "an image is not there": no_image,
    "a truncated file": cut_off_file,
    "ReaL of other images": other_real,
    "a class of ImageNet without an image": empty_class,
    "an image twice in XM3600": twice,
}


def test_the_docs_have_these_cases() -> None:
    assert set(TOLD) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_messages(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as error:
        CASES[case]()
    assert str(error.value) == TOLD[case]
