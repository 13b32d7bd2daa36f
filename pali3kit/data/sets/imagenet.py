"""ImageNet-1k (Russakovsky et al. 2015), with ReaL's labels (Beyer et al. 2020) and ImageNet-v2 (Recht et al. 2019)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pali3kit.data.fields import read_json, typed
from pali3kit.data.folder import PICTURES
from pali3kit.data.reader import existing
from pali3kit.data.sets.files import LabelledFiles, Pictures
from pali3kit.data.sets.folders import labelled_pictures
from pali3kit.data.sets.layout import (
    class_folders,
    find_root,
    has_folders,
    in_classes,
    lines_of,
    whole,
    without_pictures,
)
from pali3kit.data.sets.mat import read_structs, whole_number
from pali3kit.data.visible import hidden
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED

NUMBER = re.compile(r"ILSVRC2012_val_(\d{8})\.\w+$")
Real = tuple[int, ...]
Numbers = Sequence[int | None]


@LABELLED.register(
    "imagenet",
    "ImageNet, with ReaL's labels and ImageNet-v2",
    titles={"top1": "ImageNet", "real": "ReaL", "v2": "ImageNet-v2"},
    files=("path", "real", "names"),
    folders=("devkit", "v2"),
)
class ImageNet(LabelledFiles):
    """The registry's `imagenet`: `train/<wnid>/` is train, `val/` is test; what is not there has no pictures.

    Classes are the wnids in their order. They are called as `names` says, else as open_clip calls the usual thousand;
    what is not among these is called by its wnid, and cannot be asked for by name. Of a part of the usual thousand only
    that part of ReaL's labels and of ImageNet-v2 counts.

    Args:
        path: the folder of `train/` and `val/`, or one above it (`ILSVRC/Data/CLS-LOC`, `ILSVRC2012`, `imagenet`).
        devkit: `ILSVRC2012_devkit_t12`, or the folder above: its `data/` says the labels of a `val/` without folders.
        real: `real.json`: for each of 50 000 pictures, in the order of their numbers, a list of labels.
        v2: the folder of folders `0` to `999`, or the one above it.
        names: a file with a wnid and a name on each line.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(
        self,
        path: str,
        devkit: str | None = None,
        real: str | None = None,
        v2: str | None = None,
        names: str | None = None,
        image_size: int = 0,
    ) -> None:
        root = find_root(path, ("ILSVRC/Data/CLS-LOC", "ILSVRC2012", "imagenet"), "train", "val")
        kit = _Devkit(devkit) if devkit else None
        wnids, known = _classes(root, kit)
        splits, labels = {}, {}
        for split, folder in (("train", root / "train"), ("test", root / "val")):
            if folder.exists():
                flat = split == "test" and not has_folders(folder)
                found, labels[split] = _flat(folder, kit, wnids) if flat else labelled_pictures(folder, wnids, known)
                splits[split] = Pictures(folder, found, folder)
                if empty := without_pictures(wnids, labels[split]):
                    raise DataError(f"{folder}: no picture of class {empty}, which {known} has")
        numbers = _numbers(wnids) if v2 or real else ()
        if v2:
            splits["v2"], labels["v2"] = _second(v2, numbers)
        again = _reassessed(existing(real), splits, numbers) if real else {}
        super().__init__(_names(wnids, names), splits, labels, again)


class _Devkit:
    """The wnid of each of the development kit's own class numbers, and the class number of each validation picture."""

    def __init__(self, path: str) -> None:
        data = find_root(path, ("ILSVRC2012_devkit_t12",), "data") / "data"
        self.wnids: dict[int, str] = {}
        meta = data / "meta.mat"
        for where, (number, wnid, children) in read_structs(meta, "synsets", "ILSVRC2012_ID", "WNID", "num_children"):
            if whole_number(children, f"{where}: 'num_children'") == 0:  # the others are groups of classes
                self.wnids[whole_number(number, f"{where}: 'ILSVRC2012_ID'")] = str(wnid)
        self.path = data / "ILSVRC2012_validation_ground_truth.txt"
        self.truth = [(where, word) for where, word in lines_of(self.path)]

    def wnid(self, number: int) -> str:
        """The class of a validation picture, which are counted from 1."""
        if number > len(self.truth):
            raise DataError(f"{self.path}: {len(self.truth)} lines, and none for picture {number}")
        where, word = self.truth[number - 1]
        label = whole(word, max(self.wnids, default=0), f"{where}: the class")
        if label not in self.wnids:
            raise DataError(f"{where}: meta.mat has no class {label}")
        return self.wnids[label]


def _classes(root: Path, kit: _Devkit | None) -> tuple[list[str], Path]:
    """The wnids, sorted, and the folder or file that they are from."""
    for folder in (root / "train", root / "val"):
        if has_folders(folder):
            return class_folders(folder), folder
    if kit is None:
        raise DataError(f"{root / 'val'}: no folder for each class, so 'devkit' is needed, which has their labels")
    return sorted(kit.wnids.values()), kit.path.parent / "meta.mat"


def _flat(folder: Path, kit: _Devkit | None, wnids: Sequence[str]) -> tuple[list[str], list[int]]:
    """The pictures of `val/` by their numbers, and their labels from the development kit."""
    there = (name for name in os.listdir(folder) if not hidden(name))
    names = sorted(name for name in there if os.path.splitext(name)[1].lower() in PICTURES)
    if not names:
        raise DataError(f"{folder}: there is neither a folder for each class nor a picture in it")
    if kit is None:
        raise DataError(f"{folder}: no folder for each class, so 'devkit' is needed, which has their labels")
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    found = [(kit.wnid(_number(folder / name)), name) for name in names]
    for wnid, name in found:
        if wnid not in labels:
            raise DataError(f"{folder / name}: of class {wnid}, which is not among the {len(wnids)} classes of train")
    return names, [labels[wnid] for wnid, _ in found]


def _number(file: Path) -> int:
    """The number of a validation picture, from 1."""
    found = NUMBER.match(file.name)
    if not found or not int(found[1]):
        raise DataError(f"{file}: a validation picture should be called ILSVRC2012_val_<number of 8 digits>")
    return int(found[1])


def _numbers(wnids: Sequence[str]) -> Numbers:
    """The labels of the numbers that ReaL and ImageNet-v2 have for classes: places among the usual thousand, also where
    only some of these are here, None for the others; of classes that are not all among these, the labels themselves.
    """
    usual, labels = _usual(), {wnid: label for label, wnid in enumerate(wnids)}
    return [labels.get(wnid) for wnid in usual] if labels.keys() <= set(usual) else list(range(len(wnids)))


def _second(path: str, numbers: Numbers) -> tuple[Pictures, list[int]]:
    """ImageNet-v2: its folders are called by numbers of classes; those of classes that are not here do not count."""
    root = find_root(path, ("imagenetv2-matched-frequency-format-val", "imagenetv2-matched-frequency"), "0")
    known = {str(number): label for number, label in enumerate(numbers)}
    there = set(class_folders(root))
    wanted = {name: label for name, label in known.items() if label is not None}
    if odd := sorted((there - known.keys()) | (wanted.keys() - there)):
        what = "there is no such folder" if odd[0] in wanted else f"there are {len(known)} classes"
        raise DataError(f"{root / odd[0]}: {what}; expected are folders 0 to {len(known) - 1}")
    names, places = in_classes(root, list(wanted))
    labels = list(wanted.values())
    return Pictures(root, names, root), [labels[place] for place in places]


def _reassessed(path: Path, splits: Mapping[str, Pictures], numbers: Numbers) -> dict[str, list[Real]]:
    """ReaL's labels of the test pictures, by the numbers in their names, without those of classes that are not here."""
    if "test" not in splits:
        raise DataError(f"{path}: labels of the pictures in val/, and {splits['train'].folder.parent} has no val/")
    real = [_right(entry, numbers, f"{path}: [{n}]") for n, entry in enumerate(typed(read_json(path), list, str(path)))]
    pictures = splits["test"]
    files = [_number(pictures.folder / name) for name in pictures.names]
    if max(files) > len(real):
        raise DataError(f"{path}: labels of {len(real)} pictures, and none of number {max(files)}")
    return {"test": [real[number - 1] for number in files]}


def _right(entry: object, numbers: Numbers, where: str) -> Real:
    """The labels of one picture."""
    found = []
    for number in typed(entry, list, where):
        if not 0 <= typed(number, int, f"{where}: a label") < len(numbers):
            raise DataError(f"{where}: label {number} of {len(numbers)} classes, counted from 0")
        if (label := numbers[number]) is not None:
            found.append(label)
    return tuple(found)


def _names(wnids: Sequence[str], path: str | None) -> Sequence[str]:
    """What a person calls the classes."""
    if path:
        file = existing(path)
        told: dict[str, str] = {}
        for where, line in lines_of(file):
            wnid, name = (*line.split(None, 1), "")[:2]  # a space in synset_words.txt, a tab in words.txt
            if told.setdefault(wnid, name) != name:
                raise DataError(f"{where}: {wnid} is called {told[wnid][:40]} and {name[:40]}")
        for wnid in wnids:
            if not told.get(wnid):
                raise DataError(f"{file}: no line '{wnid} <name>'")
        return [told[wnid] for wnid in wnids]
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    usual = dict(zip(_usual(), IMAGENET_CLASSNAMES, strict=True))
    return [usual.get(wnid, wnid) for wnid in wnids]


def _usual() -> list[str]:
    """The wnids of ImageNet-1k, sorted."""
    from timm.data.imagenet_info import ImageNetInfo

    wnids: list[str] = ImageNetInfo("imagenet-1k").label_names()  # type: ignore[no-untyped-call]
    return wnids
