"""Crossmodal-3600 (Thapliyal et al. 2022): 3600 pictures with captions in 36 languages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pali3kit.data.fields import field, mapping, read_json_lines, typed
from pali3kit.data.reader import existing
from pali3kit.data.readers.coco import TYPES
from pali3kit.data.sets.contract import Caption
from pali3kit.data.sets.files import CaptionedFiles, Pictures
from pali3kit.data.sets.layout import find_file
from pali3kit.data.world.languages import LANGUAGES
from pali3kit.errors import DataError, choose
from pali3kit.registry import CAPTIONED
from pali3kit.text.plain import one_line


@CAPTIONED.register(
    "xm3600",
    "Crossmodal-3600, captions.jsonl and its pictures",
    titles={"": "XM3600"},
    files=("path",),
    folders=("images",),
)
class Xm3600(CaptionedFiles):
    """The registry's `xm3600`: on each line `image/key`, and by language a mapping whose `caption` is a list of texts.

    Languages are those of the 36 that have captions. Blank captions are none.

    Args:
        path: `captions.jsonl`, or the folder that it is in.
        images: the folder of pictures, `<key>.jpg`, or with another ending that pictures have.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, images: str, image_size: int = 0) -> None:
        file, folder = find_file(path, "captions.jsonl"), existing(images, "folder")
        names: dict[str, str] = {}
        captions: dict[str, list[Caption]] = {language: [] for language in LANGUAGES}
        for where, line in read_json_lines(file):
            key = _key(line, where, names)
            for language, told in line.items():
                if not language.startswith("image/"):
                    if language not in captions:
                        raise DataError(f"{where}: there is no language '{language}'.{choose(language, LANGUAGES)}")
                    at = f"{where}: '{language}'"
                    texts = field(mapping(told, at), "caption", list, at)
                    found = [one_line(typed(text, str, f"{at}: a caption")) for text in texts]
                    captions[language].extend((len(names), text) for text in found if text)
            names[key] = where
        spoken = {language: found for language, found in captions.items() if found}
        if not spoken:
            raise DataError(f"{file}: no picture with a caption; expected is one on each line")
        super().__init__(Pictures(folder, [_file(folder, key) for key in names], file), spoken)


def _file(folder: Path, key: str) -> str:
    """The picture's file that is there; `<key>.jpg` if none is."""
    names = [f"{key}{ending}" for ending in TYPES]
    return next((name for name in names if os.path.exists(folder / name)), names[0])


def _key(line: Mapping[str, object], where: str, known: Mapping[str, str]) -> str:
    """The picture of a line. Raises DataError for one that an earlier line has, or that leaves the folder."""
    key = field(line, "image/key", str, where)
    if key in known:
        raise DataError(f"{where}: picture '{key}' stands in {known[key]} too")
    if "/" in key or "\\" in key:
        raise DataError(f"{where}: 'image/key' should be the name of a picture, not '{key[:60]}'")
    return key
