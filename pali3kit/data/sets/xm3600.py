"""Crossmodal-3600 (Thapliyal et al. 2022): 3600 images with captions in 36 languages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pali3kit.data.fields import field, mapping, read_json_lines, typed
from pali3kit.data.reader import require_path
from pali3kit.data.readers.coco import TYPES
from pali3kit.data.sets.contract import Caption
from pali3kit.data.sets.files import CaptionedFiles, SplitFiles
from pali3kit.data.sets.layout import find_file
from pali3kit.data.world.languages import LANGUAGES
from pali3kit.errors import DataError, choose
from pali3kit.registry import CAPTIONED
from pali3kit.text.plain import one_line


@CAPTIONED.register(
    "xm3600",
    "Crossmodal-3600, captions.jsonl and its images",
    titles={"": "XM3600"},
    files=("path",),
    folders=("images",),
)
class Xm3600(CaptionedFiles):
    """The registry's `xm3600`: each line has `image/key` and, by language, a mapping with a list `caption` of texts.

    `languages` are those of the 36 that have captions. Blank captions are skipped.

    Args:
        path: `captions.jsonl`, or the folder that it is in.
        images: the folder of images, `<key>.jpg` or with another extension of an image format.
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, images: str, image_size: int = 0) -> None:
        file, folder = find_file(path, "captions.jsonl"), require_path(images, "folder")
        names: dict[str, str] = {}
        captions: dict[str, list[Caption]] = {language: [] for language in LANGUAGES}
        for where, line in read_json_lines(file):
            key = _key(line, where, names)
            for language, entry in line.items():
                if not language.startswith("image/"):
                    if language not in captions:
                        raise DataError(f"{where}: there is no language '{language}'.{choose(language, LANGUAGES)}")
                    at = f"{where}: '{language}'"
                    texts = field(mapping(entry, at), "caption", list, at)
                    found = [one_line(typed(text, str, f"{at}: a caption")) for text in texts]
                    captions[language].extend((len(names), text) for text in found if text)
            names[key] = where
        captioned = {language: found for language, found in captions.items() if found}
        if not captioned:
            raise DataError(f"{file}: no image with a caption; there should be one on each line")
        super().__init__(SplitFiles(folder, [_file(folder, key) for key in names], file), captioned)


def _file(folder: Path, key: str) -> str:
    """The name of the image's file that exists; `<key>.jpg` if none does."""
    names = [f"{key}{ending}" for ending in TYPES]
    return next((name for name in names if os.path.exists(folder / name)), names[0])


def _key(line: Mapping[str, object], where: str, known: Mapping[str, str]) -> str:
    """The image key of a line. Raises DataError for one that an earlier line has, or that leads out of the folder."""
    key = field(line, "image/key", str, where)
    if key in known:
        raise DataError(f"{where}: image '{key}' already occurs in {known[key]}")
    if "/" in key or "\\" in key:
        raise DataError(f"{where}: 'image/key' should be the name of an image, not '{key[:60]}'")
    return key
