"""ImageNet-1k (Russakovsky et al. 2015), with ReaL labels (Beyer et al. 2020) and ImageNet-v2 (Recht et al. 2019)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pali3kit.data.fields import read_json, typed
from pali3kit.data.folder import IMAGES
from pali3kit.data.reader import require_path
from pali3kit.data.sets.files import LabelledFiles, SplitFiles
from pali3kit.data.sets.layout import (
    class_folders,
    find_root,
    first_empty_class,
    images_by_class,
    labelled_images,
    parse_number,
    read_nonblank_lines,
)
from pali3kit.data.sets.mat import read_structs, read_whole_number
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED
from pali3kit.storage.paths import hidden

VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.\w+$")
Labels = tuple[int, ...]
LabelByNumber = Sequence[int | None]


@LABELLED.register(
    "imagenet",
    "ImageNet, with ReaL's labels and ImageNet-v2",
    titles={"top1": "ImageNet", "real": "ReaL", "v2": "ImageNet-v2"},
    files=("path", "real", "names"),
    folders=("devkit", "v2"),
)
class ImageNet(LabelledFiles):
    """The registry's `imagenet`: `train/<wnid>/` is train, `val/` is test; a split whose folder is missing is empty.

    Classes are the sorted wnids. Their names come from the file `names`, else from open_clip for the classes of
    ImageNet-1k; other classes are named by their wnid, which is of no use in zero-shot prompts. For a subset of
    ImageNet-1k, ReaL labels and images of ImageNet-v2 of other classes are left out.

    Args:
        path: the folder of `train/` and `val/`, or a folder that has it as `ILSVRC/Data/CLS-LOC`, `ILSVRC2012` or
            `imagenet`.
        devkit: `ILSVRC2012_devkit_t12`, or the folder above; its `data/` has labels for a `val/` without class folders.
        real: `real.json`: a list of labels for each of the 50 000 validation images, in the order of their numbers.
        v2: the folder of folders `0` to `999`, or the one above it.
        names: a file with a wnid and a class name on each line.
        image_size: ignored; images keep their size.
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
        wnids, origin = _classes(root, kit)
        splits, labels = {}, {}
        for split, folder in (("train", root / "train"), ("test", root / "val")):
            if folder.exists():
                flat = split == "test" and not _has_class_folders(folder)
                found, labels[split] = (
                    _flat_images(folder, kit, wnids) if flat else labelled_images(folder, wnids, origin)
                )
                splits[split] = SplitFiles(folder, found, folder)
                if empty := first_empty_class(wnids, labels[split]):
                    raise DataError(f"{folder}: no image of class {empty}, which {origin} has")
        numbers = _label_by_class_number(wnids) if v2 or real else ()
        if v2:
            splits["v2"], labels["v2"] = _imagenet_v2(v2, numbers)
        relabelled = _real_labels(require_path(real), splits, numbers) if real else {}
        super().__init__(_class_names(wnids, names), splits, labels, relabelled)


class _Devkit:
    """The development kit: the wnid of each of its class numbers, and the class number of each validation image."""

    def __init__(self, path: str) -> None:
        data = find_root(path, ("ILSVRC2012_devkit_t12",), "data") / "data"
        self.wnids: dict[int, str] = {}
        meta = data / "meta.mat"
        for where, (number, wnid, children) in read_structs(meta, "synsets", "ILSVRC2012_ID", "WNID", "num_children"):
            if read_whole_number(children, f"{where}: 'num_children'") == 0:  # others are groups of classes
                self.wnids[read_whole_number(number, f"{where}: 'ILSVRC2012_ID'")] = str(wnid)
        self.path = data / "ILSVRC2012_validation_ground_truth.txt"
        self.truth = [(where, word) for where, word in read_nonblank_lines(self.path)]

    def wnid(self, number: int) -> str:
        """The wnid of a validation image; their numbers start at 1."""
        if number > len(self.truth):
            raise DataError(f"{self.path}: {len(self.truth)} lines, but there is an image {number}")
        where, word = self.truth[number - 1]
        label = parse_number(word, max(self.wnids, default=0), f"{where}: the class")
        if label not in self.wnids:
            raise DataError(f"{where}: meta.mat has no class {label}")
        return self.wnids[label]


def _classes(root: Path, kit: _Devkit | None) -> tuple[list[str], Path]:
    """The sorted wnids, and the folder or file that they come from."""
    for folder in (root / "train", root / "val"):
        if _has_class_folders(folder):
            return class_folders(folder), folder
    if kit is None:
        raise DataError(f"{root / 'val'}: it has no folder for each class, so its labels need the option 'devkit'")
    return sorted(kit.wnids.values()), kit.path.parent / "meta.mat"


def _has_class_folders(folder: Path) -> bool:
    return folder.is_dir() and any(entry.is_dir() and not hidden(entry.name) for entry in folder.iterdir())


def _flat_images(folder: Path, kit: _Devkit | None, wnids: Sequence[str]) -> tuple[list[str], list[int]]:
    """The images of a `val/` without class folders, by name, and their labels from the development kit."""
    there = (name for name in os.listdir(folder) if not hidden(name))
    names = sorted(name for name in there if os.path.splitext(name)[1].lower() in IMAGES)
    if not names:
        raise DataError(f"{folder}: it has neither a folder for each class nor an image")
    if kit is None:
        raise DataError(f"{folder}: it has no folder for each class, so its labels need the option 'devkit'")
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    found = [(kit.wnid(_image_number(folder / name)), name) for name in names]
    for wnid, name in found:
        if wnid not in labels:
            raise DataError(f"{folder / name}: its class {wnid} is not among the {len(wnids)} classes of train")
    return names, [labels[wnid] for wnid, _ in found]


def _image_number(file: Path) -> int:
    """The number of a validation image, from 1."""
    found = VALIDATION_NAME.match(file.name)
    if not found or not int(found[1]):
        raise DataError(f"{file}: a validation image should be called ILSVRC2012_val_<number of 8 digits>")
    return int(found[1])


def _label_by_class_number(wnids: Sequence[str]) -> LabelByNumber:
    """Our label for each class number of ReaL and ImageNet-v2.

    If all classes are among the thousand of ImageNet-1k, class numbers are positions among these, None for those that
    this set does not have; else class numbers are labels.
    """
    standard, labels = _imagenet_1k(), {wnid: label for label, wnid in enumerate(wnids)}
    return [labels.get(wnid) for wnid in standard] if labels.keys() <= set(standard) else list(range(len(wnids)))


def _imagenet_v2(path: str, numbers: LabelByNumber) -> tuple[SplitFiles, list[int]]:
    """ImageNet-v2, whose folders are named by class number; classes that this set does not have are left out."""
    root = find_root(path, ("imagenetv2-matched-frequency-format-val", "imagenetv2-matched-frequency"), "0")
    known = {str(number): label for number, label in enumerate(numbers)}
    there = set(class_folders(root))
    wanted = {name: label for name, label in known.items() if label is not None}
    if odd := sorted((there - known.keys()) | (wanted.keys() - there)):
        what = "there is no such folder" if odd[0] in wanted else f"there are {len(known)} classes"
        raise DataError(f"{root / odd[0]}: {what}; there should be folders 0 to {len(known) - 1}")
    names, places = images_by_class(root, list(wanted))
    labels = list(wanted.values())
    return SplitFiles(root, names, root), [labels[place] for place in places]


def _real_labels(path: Path, splits: Mapping[str, SplitFiles], numbers: LabelByNumber) -> dict[str, list[Labels]]:
    """ReaL's labels of the test images, by the numbers in their names, without classes that this set does not have."""
    if "test" not in splits:
        raise DataError(f"{path}: it has labels for val/, but {splits['train'].folder.parent} has no val/")
    entries = typed(read_json(path), list, str(path))
    real = [_correct_labels(entry, numbers, f"{path}: [{n}]") for n, entry in enumerate(entries)]
    files = splits["test"]
    image_numbers = [_image_number(files.folder / name) for name in files.names]
    if max(image_numbers) > len(real):
        raise DataError(f"{path}: labels for {len(real)} images, but there is an image {max(image_numbers)}")
    return {"test": [real[number - 1] for number in image_numbers]}


def _correct_labels(entry: object, numbers: LabelByNumber, where: str) -> Labels:
    """All correct labels of one image."""
    found = []
    for number in typed(entry, list, where):
        if not 0 <= typed(number, int, f"{where}: a label") < len(numbers):
            raise DataError(f"{where}: label {number}, but labels are 0 to {len(numbers) - 1}")
        if (label := numbers[number]) is not None:
            found.append(label)
    return tuple(found)


def _class_names(wnids: Sequence[str], path: str | None) -> Sequence[str]:
    """Readable class names, from the file `path` or from open_clip."""
    if path:
        file = require_path(path)
        found: dict[str, str] = {}
        for where, line in read_nonblank_lines(file):
            wnid, name = (*line.split(None, 1), "")[:2]  # synset_words.txt has a space, words.txt a tab
            if found.setdefault(wnid, name) != name:
                raise DataError(f"{where}: {wnid} is called {found[wnid][:40]} and {name[:40]}")
        for wnid in wnids:
            if not found.get(wnid):
                raise DataError(f"{file}: no line '{wnid} <name>'")
        return [found[wnid] for wnid in wnids]
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    standard = dict(zip(_imagenet_1k(), IMAGENET_CLASSNAMES, strict=True))
    return [standard.get(wnid, wnid) for wnid in wnids]


def _imagenet_1k() -> list[str]:
    """The wnids of ImageNet-1k, sorted."""
    from timm.data.imagenet_info import ImageNetInfo

    wnids: list[str] = ImageNetInfo("imagenet-1k").label_names()  # type: ignore[no-untyped-call]
    return wnids
