"""ImageNet, ReaL and v2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
from scipy.io import savemat
from timm.data.imagenet_info import ImageNetInfo

from pali3kit.data.sets.imagenet import ImageNet
from pali3kit.errors import DataError

Write = Callable[..., Path]
WNIDS = ("n01440764", "n01443537", "n02084071")
NAMES = ("tench", "goldfish", WNIDS[2])  # the third is not among the usual thousand
KIT = {1: WNIDS[2], 2: WNIDS[0], 3: WNIDS[1]}  # the development kit's numbers are in no order of wnids
TRUTH = (3, 1, 2, 1)  # labels 1, 2, 0, 2


def val(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}.JPEG"


@pytest.fixture
def root(tmp_path: Path, image: Write) -> Path:
    """train/, a val/ without class folders, and the development kit."""
    root = tmp_path / "imagenet"
    for number, wnid in enumerate(WNIDS):
        for index in range(number + 1):
            image(root / "train" / wnid / f"{wnid}_{index}.JPEG")
    for number in range(1, 5):
        image(root / "val" / val(number), shade=number)
    data = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    rows = [(number, wnid, "words", 0) for number, wnid in KIT.items()] + [(4, "n00001740", "entity", 3)]
    fields = [(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "num_children")]
    savemat(data / "meta.mat", {"synsets": np.array([[row] for row in rows], fields)})
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{number}\n" for number in TRUTH))
    return root


def in_folders(root: Path) -> None:
    """The usual val/: a folder for each class."""
    for number, of in enumerate(TRUTH, start=1):
        (root / "val" / KIT[of]).mkdir(exist_ok=True)
        (root / "val" / val(number)).rename(root / "val" / KIT[of] / val(number))


def test_a_flat_val_with_the_development_kit(root: Path) -> None:
    kit = str(root.parent / "ILSVRC2012_devkit_t12")
    found = ImageNet(str(root), devkit=kit)
    assert found.classes == NAMES
    assert found.labels("train").tolist() == [0, 1, 1, 2, 2, 2] and found.labels("test").tolist() == [1, 2, 0, 2]
    assert [int(found.image("test", i)[0, 0, 0]) for i in range(4)] == [1, 2, 3, 4]
    assert found.size("v2") == 0 and found.relabelled("test") is None
    assert ImageNet(str(root.parent), devkit=str(root.parent), image_size=64).digest == found.digest


def test_val_in_folders(root: Path) -> None:
    in_folders(root)
    found = ImageNet(str(root))
    assert found.labels("test").tolist() == [0, 1, 2, 2]
    assert [int(found.image("test", i)[0, 0, 0]) for i in range(4)] == [3, 1, 2, 4]


def test_missing_splits_are_empty(root: Path) -> None:
    (root / "train").rename(root / "elsewhere")
    alone = ImageNet(str(root), devkit=str(root.parent))  # classes of meta.mat, those with children left out
    assert alone.classes == NAMES and alone.labels("test").tolist() == [1, 2, 0, 2] and alone.size("train") == 0
    in_folders(root)
    assert ImageNet(str(root)).classes == NAMES
    (root / "elsewhere").rename(root / "train")
    (root / "val").rename(root / "elsewhere")
    found = ImageNet(str(root))
    assert found.size("test") == 0 and found.size("train") == 6


def test_real_labels_follow_the_numbers_in_names(root: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text(json.dumps([[1], [2, 0], [], [0], [1]]))
    flat = ImageNet(str(root), devkit=str(root.parent), real=str(real))
    assert flat.relabelled("test") == [(1,), (2, 0), (), (0,)] and flat.relabelled("train") is None
    in_folders(root)
    (root / "val" / WNIDS[2] / val(2)).unlink()
    found = ImageNet(str(root), real=str(real))
    assert found.relabelled("test") == [(), (1,), (0,)] and found.labels("test").tolist() == [0, 1, 2]
    before = found.digest
    real.write_text(json.dumps([[1], [2, 0], [], [2], [1]]))
    assert ImageNet(str(root), real=str(real)).digest != before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[1], [2], [0]]", r"real\.json: labels for 3 images, but there is an image 4"),
        ("[[1], [3], [0], []]", r"real\.json: \[1\]: label 3, but labels are 0 to 2"),
        ("[[1], [-1], [0], []]", r"real\.json: \[1\]: label -1, but labels are"),
        ("[[1], 2, [0], []]", r"real\.json: \[1\] should be a list, not the number 2"),
        ('[[1], ["2"], [0], []]', r"real\.json: \[1\]: a label should be a whole number, not the text '2'"),
        ('{"1": [1]}', r"real\.json should be a list, not a mapping"),
        ("[[1], [2", r"real\.json: no JSON: "),
    ],
)
def test_damaged_real(root: Path, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "real.json").write_text(text)
    with pytest.raises(DataError, match=expected):
        ImageNet(str(root), devkit=str(root.parent), real=str(tmp_path / "real.json"))


def test_real_without_val(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*real\.json"):
        ImageNet(str(root), devkit=str(root.parent), real=str(tmp_path / "real.json"))
    (tmp_path / "real.json").write_text("[]")
    (root / "val").rename(root / "elsewhere")
    with pytest.raises(DataError, match=r"real\.json: it has labels for val/, but .*/imagenet has no val/"):
        ImageNet(str(root), real=str(tmp_path / "real.json"))


def test_v2_sorts_its_folders_as_numbers(tmp_path: Path, image: Write) -> None:
    for number in range(12):
        image(tmp_path / "train" / f"n{number:08d}" / "1.JPEG")
        image(tmp_path / "v2" / "imagenetv2-matched-frequency-format-val" / str(number) / "a.jpeg", shade=number)
    above = tmp_path / "v2"
    folder = above / "imagenetv2-matched-frequency-format-val"
    found = ImageNet(str(tmp_path), v2=str(above))
    assert found.labels("v2").tolist() == list(range(12))
    assert [int(found.image("v2", i)[0, 0, 0]) for i in range(12)] == list(range(12))  # "10" is not before "2"
    assert ImageNet(str(tmp_path), v2=str(folder)).digest == found.digest != ImageNet(str(tmp_path)).digest
    (folder / "11" / "a.jpeg").unlink()
    (folder / "11").rmdir()
    with pytest.raises(DataError, match=r"format-val/11: there is no such folder; there should be folders 0 to 11"):
        ImageNet(str(tmp_path), v2=str(folder))
    (folder / "11").mkdir()
    (folder / "n0").mkdir()
    with pytest.raises(DataError, match=r"format-val/n0: there are 12 classes; there should be folders 0 to 11"):
        ImageNet(str(tmp_path), v2=str(folder))
    with pytest.raises(DataError, match=r"train: 0 not found in it or in its imagenetv2-matched-frequency-format-val"):
        ImageNet(str(tmp_path), v2=str(tmp_path / "train"))


def test_names(root: Path, tmp_path: Path, image: Write) -> None:
    file = tmp_path / "names.txt"
    file.write_text("n02084071 dog\nn01440764 tench, Tinca tinca\nn01443537 goldfish\nn9 x\n")
    kit = str(root.parent)
    assert ImageNet(str(root), kit, names=str(file)).classes == ("tench, Tinca tinca", "goldfish", "dog")
    file.write_text("n02084071 dog\nn01440764 tench\nn01443537\n")
    with pytest.raises(DataError, match=r"names\.txt: no line 'n01443537 <name>'"):
        ImageNet(str(root), kit, names=str(file))
    with pytest.raises(DataError, match=r"there is no file .*/name\.txt\. Did you mean 'names\.txt'\?"):
        ImageNet(str(root), kit, names=str(tmp_path / "name.txt"))


def test_names_may_follow_a_tab_and_must_be_unique(root: Path, tmp_path: Path) -> None:
    kit, file = str(root.parent), tmp_path / "words.txt"
    names = ImageNet(str(root), kit).classes
    wnids = sorted(folder.name for folder in (root / "train").iterdir())
    file.write_text("".join(f"{wnid}\t{wnid} fish\n" for wnid in [*wnids, wnids[0]]))
    assert ImageNet(str(root), kit, names=str(file)).classes == tuple(f"{wnid} fish" for wnid in wnids) != names
    file.write_text(f"{file.read_text()}{wnids[0]}\tanother\n")
    with pytest.raises(DataError, match=rf"words\.txt:\d+: {wnids[0]} is called {wnids[0]} fish and another"):
        ImageNet(str(root), kit, names=str(file))


def test_imagenet_1k_classes_have_open_clip_names(tmp_path: Path, image: Write) -> None:
    """All of them, or a subset such as ImageNet-100; other classes are named by their wnid."""
    wnids: list[str] = ImageNetInfo("imagenet-1k").label_names()
    for number, wnid in enumerate(wnids):
        image(tmp_path / "val" / wnid / val(number + 1))
    found = ImageNet(str(tmp_path))
    assert found.classes == tuple(IMAGENET_CLASSNAMES) and found.classes[0] == "tench"
    (tmp_path / "names.txt").write_text("".join(f"{wnid} {wnid[1:]}\n" for wnid in wnids))
    assert ImageNet(str(tmp_path), names=str(tmp_path / "names.txt")).classes[0] == "01440764"
    for wnid in wnids[1:-1]:
        shutil.rmtree(tmp_path / "val" / wnid)
    image(tmp_path / "val" / "n15075142" / val(2))
    assert ImageNet(str(tmp_path)).classes == ("tench", IMAGENET_CLASSNAMES[-1], "n15075142")


def test_a_subset_uses_its_part_of_real_and_v2(tmp_path: Path, image: Write) -> None:
    """As for ImageNet-100: ReaL and v2 number the classes of ImageNet-1k."""
    usual: list[str] = ImageNetInfo("imagenet-1k").label_names()
    for number, place in enumerate((1, 6), start=1):
        image(tmp_path / "val" / usual[place] / val(number))
    for place in (0, 1, 2, 6):
        image(tmp_path / "v2" / str(place) / "a.png", shade=place)
    (tmp_path / "real.json").write_text("[[1, 6], [0, 6]]")
    found = ImageNet(str(tmp_path), real=str(tmp_path / "real.json"), v2=str(tmp_path / "v2"))
    assert found.relabelled("test") == [(0, 1), (1,)]
    assert found.labels("v2").tolist() == [0, 1]
    assert [int(found.image("v2", index)[0, 0, 0]) for index in (0, 1)] == [1, 6]
    shutil.rmtree(tmp_path / "v2" / "6")
    with pytest.raises(DataError, match="v2/6: there is no such folder; there should be folders 0 to 999"):
        ImageNet(str(tmp_path), v2=str(tmp_path / "v2"))


def test_a_class_without_an_image_is_an_error(root: Path) -> None:
    """An incompletely unpacked archive must not be evaluated on."""
    in_folders(root)
    (root / "val" / WNIDS[0] / val(3)).unlink()
    with pytest.raises(DataError, match=rf"val: no image of class {WNIDS[0]}, which .*train has"):
        ImageNet(str(root))


def test_a_flat_val_needs_the_development_kit(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"val: it has no folder for each class, so its labels need the option 'devkit'"
    ):
        ImageNet(str(root))
    (root / "train").rename(root / "elsewhere")
    with pytest.raises(
        DataError, match=r"val: it has no folder for each class, so its labels need the option 'devkit'"
    ):
        ImageNet(str(root))


def test_a_damaged_development_kit(root: Path) -> None:
    data = root.parent / "ILSVRC2012_devkit_t12" / "data"
    truth = data / "ILSVRC2012_validation_ground_truth.txt"
    for text, expected in (
        ("3\n1\n2\n", "ground_truth.txt: 3 lines, but there is an image 4"),
        ("3\n1\n9\n1\n", "ground_truth.txt:3: the class should be a number from 1 to 3, not '9'"),
        ("3\n1\n2 2\n1\n", "ground_truth.txt:3: the class should be a number from 1 to 3, not '2 2'"),
    ):
        truth.write_text(text)
        with pytest.raises(DataError, match=expected):
            ImageNet(str(root), devkit=str(root.parent))
    truth.unlink()
    with pytest.raises(DataError, match=r"ground_truth\.txt: No such file or directory; this layout requires it"):
        ImageNet(str(root), devkit=str(root.parent))
    (data / "meta.mat").write_bytes((data / "meta.mat").read_bytes()[:300])
    with pytest.raises(DataError, match=r"meta\.mat: not a readable \.mat file: "):
        ImageNet(str(root), devkit=str(root.parent))
    with pytest.raises(DataError, match=r"val: data not found in it or in its ILSVRC2012_devkit_t12"):
        ImageNet(str(root), devkit=str(root / "val"))


def test_validation_images_of_unknown_classes(root: Path, image: Write) -> None:
    for file in (root / "train" / WNIDS[2]).iterdir():
        file.unlink()
    (root / "train" / WNIDS[2]).rmdir()
    found = rf"{val(2)}: its class n02084071 is not among the 2 classes of train"
    with pytest.raises(DataError, match=found):
        ImageNet(str(root), devkit=str(root.parent))
    in_folders(root)
    with pytest.raises(DataError, match=r"val/n02084071: .*/train has no such class\."):
        ImageNet(str(root))


def test_validation_images_with_other_names(root: Path, tmp_path: Path) -> None:
    (root / "val" / val(1)).rename(root / "val" / "first.JPEG")
    with pytest.raises(DataError, match=r"first\.JPEG: a validation image should be called ILSVRC2012_val_<number"):
        ImageNet(str(root), devkit=str(root.parent))
    for file in (root / "val").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"val: it has neither a folder for each class nor an image"):
        ImageNet(str(root), devkit=str(root.parent))


def test_no_such_layout(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train or val not found in it or in its ILSVRC/Data/CLS-LOC or in its"):
        ImageNet(str(tmp_path))
