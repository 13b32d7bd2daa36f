"""COCO captions, the test split of Karpathy and Fei-Fei (2015): 5000 pictures with five or more captions in English."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pali3kit.data.fields import each, field, mapping, read_json
from pali3kit.data.reader import existing
from pali3kit.data.readers.coco import coco_files
from pali3kit.data.sets.contract import Caption
from pali3kit.data.sets.files import CaptionedFiles, Pictures
from pali3kit.data.sets.layout import find_file
from pali3kit.errors import DataError
from pali3kit.registry import CAPTIONED
from pali3kit.text.plain import one_line


@CAPTIONED.register(
    "coco_karpathy", "COCO captions, Karpathy's test split", titles={"": "COCO"}, files=("path",), folders=("images",)
)
class CocoKarpathy(CaptionedFiles):
    """The registry's `coco_karpathy`: `images[]: filename, filepath, split, sentences[]: raw`, in the file's order.

    Blank captions are none.

    Args:
        path: `dataset_coco.json`, or the folder that it is in; Karpathy's files of Flickr are as good.
        images: the folder of pictures, by their name or in the folder that `filepath` says.
        image_size: ignored: pictures are as large as they are.
    """

    version = 2

    def __init__(self, path: str, images: str, image_size: int = 0) -> None:
        file, folder = find_file(path, "dataset_coco.json"), existing(images, "folder")
        names: list[str] = []
        captions: list[Caption] = []
        for where, image in each(mapping(read_json(file), str(file)), "images", str(file)):
            if field(image, "split", str, where) == "test":
                said = [one_line(field(sentence, "raw", str, at)) for at, sentence in each(image, "sentences", where)]
                captions += [(len(names), text) for text in said if text]
                names.append(_name(folder, image, where))
        if not captions:
            raise DataError(f"{file}: no picture with a caption in the test split")
        super().__init__(Pictures(folder, names, file), {"en": captions})


def _name(folder: Path, image: Mapping[str, object], where: str) -> str:
    """Where a picture lies below the folder: the first of the names that it may have that is there, else its own."""
    name = field(image, "filename", str, where)
    file = f"{field(image, 'filepath', str, where)}/{name}" if "filepath" in image else name
    return next((found for found in coco_files(file) if os.path.exists(folder / found)), name)
