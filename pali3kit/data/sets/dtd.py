"""Describable Textures (Cimpoi et al. 2014): 47 textures, the first of its ten partitions."""

from __future__ import annotations

from pali3kit.data.sets.files import LabelledFiles, SplitFiles
from pali3kit.data.sets.layout import find_root, read_nonblank_lines, readable_name
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED

LISTS = {"train": "train1.txt", "test": "test1.txt"}


@LABELLED.register("dtd", "Describable Textures, images/ and labels/", files=("path",))
class Dtd(LabelledFiles):
    """The registry's `dtd`: `labels/train1.txt` and `test1.txt`, `<texture>/<file>` on each line, without `val1.txt`.

    Args:
        path: the folder of `images/` and `labels/`, or the one above it (`dtd`).
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("dtd", "dtd/dtd"), "labels")
        splits, textures = {}, {}
        for split, name in LISTS.items():
            listed = root / "labels" / name
            lines = list(read_nonblank_lines(listed))
            if not lines:
                raise DataError(f"{listed}: it is empty, but each line should be '<texture>/<file>'")
            textures[split] = [_texture(*line) for line in lines]
            splits[split] = SplitFiles(root / "images", [line for _, line in lines], listed)
        classes = sorted({texture for found in textures.values() for texture in found})
        numbers = {texture: number for number, texture in enumerate(classes)}
        labels = {split: [numbers[texture] for texture in found] for split, found in textures.items()}
        super().__init__([readable_name(texture) for texture in classes], splits, labels)


def _texture(where: str, line: str) -> str:
    texture, slash, name = line.partition("/")
    if not (texture and slash and name) or "/" in name:
        raise DataError(f"{where}: expected '<texture>/<file>', not '{line[:60]}'")
    return texture
