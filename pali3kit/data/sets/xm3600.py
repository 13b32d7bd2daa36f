"""Crossmodal-3600 (Thapliyal et al. 2022): 3600 pictures with captions in 36 languages."""

from __future__ import annotations

from pali3kit.data.fields import field, mapping, read_lines, typed
from pali3kit.data.reader import existing
from pali3kit.data.records import one_line
from pali3kit.data.sets.contract import Caption
from pali3kit.data.sets.files import CaptionedFiles, Pictures
from pali3kit.data.sets.layout import find_file
from pali3kit.data.world.languages import LANGUAGES
from pali3kit.errors import DataError


class Xm3600(CaptionedFiles):
    """The registry's `xm3600`: on each line `image/key`, and by language a mapping whose `caption` is a list of texts.

    Languages are those found, the 36 first.

    Args:
        path: `captions.jsonl`, or the folder that it is in.
        images: the folder of pictures, `<key>.jpg`.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, images: str, image_size: int = 0) -> None:
        file, folder = find_file(path, "captions.jsonl"), existing(images, "folder")
        names: list[str] = []
        captions: dict[str, list[Caption]] = {language: [] for language in LANGUAGES}
        for where, line in read_lines(file):
            for language, told in line.items():
                if not language.startswith("image/"):
                    at = f"{where}: '{language}'"
                    texts = field(mapping(told, at), "caption", list, at)
                    found = [one_line(typed(text, str, f"{at}: a caption")) for text in texts]
                    captions.setdefault(language, []).extend((len(names), text) for text in found)
            names.append(f"{field(line, 'image/key', str, where)}.jpg")
        spoken = {language: found for language, found in captions.items() if found}
        if not spoken:
            raise DataError(f"{file}: no picture with a caption; expected is one on each line")
        super().__init__(Pictures(folder, names, file), spoken)
