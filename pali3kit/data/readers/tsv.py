"""Tables of captions and addresses, as Conceptual Captions are published, with the pictures in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.lines import Lines
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.record import Record
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

CAPTIONS = ("caption", "title", "text")
ADDRESSES = ("url", "filepath", "path", "image")
NUMBERED = re.compile(r"(?:(\d{9})|(\d+)_\d+)(?:\.(?:jpe?g|png|webp|gif))?", re.IGNORECASE)


class TsvReader(Files):
    """`caption<TAB>address` on each line (CC3M), or `address<TAB>caption` (CC12M), or what a first line of names says
    (`caption`, `title` or `text`; `url`, `filepath`, `path` or `image`).

    An address that is a path leads to the picture below `images`. For a url it is what was downloaded for the row:
    img2dataset's `files` (`00012/000123456.jpg` is row 123456, counted from 0 without the line of names), or
    `123456_<crc32>` of DownloadConceptualCaptions, in any folder below. Rows without a picture are left out. The name
    at the end of a url is not used: thousands of pages call their picture `image.jpg`.
    """

    def __init__(self, path: str, images: str, language: str = "en") -> None:
        super().__init__(existing(path))
        self.path, self.images = self.files[0], existing(images, "folder")
        self.language = language
        self.lines = Lines(self.files)

    @cached_property
    def _columns(self) -> tuple[int, int, int]:
        """Which column is the caption, which the address, and how many lines of names come before the first row."""
        if not len(self.lines):
            raise DataError(f"{self.path}: it is empty")
        first = [name.strip().lower() for name in self._cells(0)]
        caption = next((number for number, name in enumerate(first) if name in CAPTIONS), None)
        address = next((number for number, name in enumerate(first) if name in ADDRESSES), None)
        if caption is not None and address is not None:
            return caption, address, 1
        return (1, 0, 0) if "://" in first[0] else (0, 1, 0)

    def _cells(self, line: int) -> list[str]:
        cells = self.lines[line].decode(errors="replace").removeprefix("\ufeff").rstrip("\r").split("\t")
        if len(cells) < 2:
            raise DataError(f"{self.lines.where(line)}: no tab between a caption and a url or path: '{cells[0][:40]}'")
        return cells

    def _row(self, row: int) -> tuple[str, str]:
        """The caption and the address of a row."""
        caption, address, names = self._columns
        cells = self._cells(row + names)
        if max(caption, address) >= len(cells):
            wanted = max(caption, address) + 1
            raise DataError(f"{self.lines.where(row + names)}: {len(cells)} columns, where the first line has {wanted}")
        return cells[caption].strip(), cells[address].strip()

    @cached_property
    def _pictures(self) -> dict[int, str] | None:
        """The pictures by row; None where addresses are paths."""
        if "://" not in self._row(0)[1]:
            return None
        found = {}
        for folder, _, names in os.walk(self.images):
            for name in names:
                if match := NUMBERED.fullmatch(name):
                    found[int(match[1] or match[2])] = os.path.join(folder, name)
        if not found:
            raise DataError(
                f"{self.images}: no picture is called by its row, such as 00000/000000000.jpg or 0_1234567890"
            )
        return found

    @cached_property
    def _rows(self) -> Sequence[int] | np.ndarray:
        """The rows that have a picture."""
        rows = len(self.lines) - self._columns[2]
        if self._pictures is None:
            return range(rows)
        return np.array(sorted(row for row in self._pictures if row < rows), np.int64)

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,)

    def __len__(self) -> int:
        return len(self._rows)

    def record(self, number: int) -> Record:
        row = int(self._rows[number])
        name = self.lines.where(row + self._columns[2])
        caption, address = self._row(row)
        if not caption:
            raise DataError(f"{name}: its caption is empty")
        picture = picture_in(self.images, address if self._pictures is None else self._pictures[row])
        return Record(name, picture, captions={self.language: (caption,)})


@SOURCE.register(
    "tsv",
    "captions in a table, CC3M and CC12M, with a folder of pictures",
    tells=("captions",),
    files=("path", "test"),
    folders=("images", "test_images"),
)
def create(
    path: str,
    images: str,
    language: str = "en",
    filter: bool = False,
    test: str | None = None,
    test_images: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `tsv`: captions and urls or paths, pictures in `images` by row or path; `filter` drops poor texts.

    `image_size` is ignored: pictures are as large as they are, and encoders fit them.
    """
    held = TsvReader(test, test_images or images, language) if test else None
    return AnnotatedSource(TsvReader(path, images, language), held, filter)
