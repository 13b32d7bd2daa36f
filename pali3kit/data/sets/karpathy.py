"""COCO captions, the test split of Karpathy and Fei-Fei (2015): 5000 images with five or more English captions each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pali3kit.data.fields import each, field, mapping, read_json
from pali3kit.data.reader import require_path
from pali3kit.data.readers.coco import coco_files
from pali3kit.data.sets.contract import Caption
from pali3kit.data.sets.files import CaptionedFiles, SplitFiles
from pali3kit.data.sets.layout import find_file
from pali3kit.errors import DataError
from pali3kit.registry import CAPTIONED
from pali3kit.text.plain import one_line


@CAPTIONED.register(
    "coco_karpathy", "COCO captions, Karpathy's test split", titles={"": "COCO"}, files=("path",), folders=("images",)
)
class CocoKarpathy(CaptionedFiles):
    """The registry's `coco_karpathy`: `images[]: filename, filepath, split, sentences[]: raw`, in the file's order.

    Blank captions are skipped.

    Args:
        path: `dataset_coco.json`, or the folder that it is in; Karpathy's files for Flickr work too.
        images: the folder of images, directly or in the subfolder `filepath`.
        image_size: ignored; images keep their size.
    """

    version = 2

    def __init__(self, path: str, images: str, image_size: int = 0) -> None:
        file, folder = find_file(path, "dataset_coco.json"), require_path(images, "folder")
        names: list[str] = []
        captions: list[Caption] = []
        for where, image in each(mapping(read_json(file), str(file)), "images", str(file)):
            if field(image, "split", str, where) == "test":
                texts = [one_line(field(sentence, "raw", str, at)) for at, sentence in each(image, "sentences", where)]
                captions += [(len(names), text) for text in texts if text]
                names.append(_name(folder, image, where))
        if not captions:
            raise DataError(f"{file}: no image with a caption in the test split")
        super().__init__(SplitFiles(folder, names, file), {"en": captions})


def _name(folder: Path, image: Mapping[str, object], where: str) -> str:
    """The image's path below the folder: the first of its possible names that exists, else its own."""
    name = field(image, "filename", str, where)
    file = f"{field(image, 'filepath', str, where)}/{name}" if "filepath" in image else name
    return next((found for found in coco_files(file) if os.path.exists(folder / found)), name)
