"""Images that were downloaded for the rows of a table of urls, and which row each belongs to."""

from __future__ import annotations

import os
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pali3kit.data.beside import read_captions
from pali3kit.data.fields import json_of, mapping
from pali3kit.data.reader import image_in
from pali3kit.data.visible import walk
from pali3kit.errors import DataError, counted

NUMBERED = re.compile(r"(?:(\d{6,})|(\d+)_(\d+))(?:\.(?:jpe?g|png|webp|gif))?", re.IGNORECASE)
SHARD, DIGITS = 10_000, 9  # img2dataset's defaults: rows in a shard, digits in a key
ENOUGH = 100  # with this many images, keys would show that shards have another size
SIDECARS = (".json", ".txt")  # what img2dataset writes beside an image
Row = Callable[[int], tuple[str, str]]
"""The caption and the url of a row."""


@dataclass(frozen=True, slots=True)
class _Download:
    """A downloaded image: its path below the folder without `ending`, and the row that its name implies.

    `has_sidecar` says whether a `.json` or `.txt` lies beside it. img2dataset's names are keys of `digits` digits;
    DownloadConceptualCaptions' names contain the CRC-32 of the url, `checksum`.
    """

    name: str
    ending: str
    row: int
    has_sidecar: bool
    digits: int | None = None
    checksum: int | None = None

    def problem(self, rows: int) -> str | None:
        """Why the name alone does not give a row."""
        if self.digits not in (None, DIGITS):
            return "whose number is not a row"
        return f"past the last of {rows} rows" if self.row >= rows else None


class Downloads:
    """The downloaded images in a folder, sorted by row.

    `skipped` describes those that are left out: their names imply no row, or one that several images have.

    Raises:
        DataError: no image can be matched to a row, or shards are not of img2dataset's default size.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        found = list(_scan(folder))
        named_only = sorted((one for one in found if not one.has_sidecar), key=lambda one: (one.row, one.name))
        images_per_row = Counter(one.row for one in named_only)
        kept = [one for one in found if one.has_sidecar]
        left_out: dict[str, list[_Download]] = defaultdict(list)
        for one in named_only:
            problem = one.problem(rows) or ("of a row that has several" if images_per_row[one.row] > 1 else None)
            (left_out[problem] if problem else kept).append(one)
        if not kept:
            raise DataError(f"{folder}: no image is named after its row, such as 00000/000000000.jpg or 0_1234567890")
        _check_shards([one for one in named_only if one.digits == DIGITS], folder, rows)
        self._kept = sorted(kept, key=lambda one: (one.row, one.name))
        self.skipped = [
            f"{folder}: left out: {counted(len(lost), 'image')} {problem}, the first {lost[0].name}{lost[0].ending}"
            for problem, lost in left_out.items()
        ]

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, number: int) -> _Download:
        return self._kept[number]

    def caption(self, number: int, row: Row) -> str:
        """The caption of an image: that of the row with its number, unless the sidecar has another url.

        img2dataset numbers images by shard, and shards may have any number of rows.

        Raises:
            DataError: it is unknown which row the image belongs to.
        """
        download = self._kept[number]
        caption, url = row(download.row) if download.row < self.rows else ("", None)
        sidecar_url = self._sidecar_url(download)
        if url is not None and sidecar_url == url:
            return caption
        path = self.folder / download.name
        captions = read_captions(partial(self._sidecar, download), f"{path}")
        if captions:
            return captions[0]
        wrong_checksum = url is not None and download.checksum not in (None, zlib.crc32(url.encode(errors="replace")))
        if url is None or sidecar_url is not None or wrong_checksum:
            raise DataError(f"{path}: its url is not that of row {download.row}, or there is no such row")
        return caption

    def _sidecar_url(self, download: _Download) -> str | None:
        data = self._sidecar(download, "json")
        where = f"{self.folder / download.name}.json"
        content: Mapping[str, object] = mapping(json_of(data, where), where) if data is not None else {}
        url = content.get("url")
        return url if isinstance(url, str) else None

    def _sidecar(self, download: _Download, ending: str) -> bytes | None:
        if not download.has_sidecar or not (self.folder / f"{download.name}.{ending}").exists():
            return None
        return image_in(self.folder, f"{download.name}.{ending}")()


def _check_shards(found: Sequence[_Download], folder: Path, rows: int) -> None:
    """Raise DataError if img2dataset's keys do not count shards of 10,000 rows, so that they give no rows."""
    later = [one for one in found if one.row >= SHARD]
    highest = max((one.row % SHARD for one in found), default=0)
    if later and (later[-1].row >= rows or (len(found) >= ENOUGH and highest < SHARD / 2)):
        past = later[-1].row >= rows
        why = f"numbers go past the last of {rows} rows" if past else f"no number ends with more than {highest}"
        raise DataError(
            f"{folder}: {why}: img2dataset's shards do not have {SHARD} rows, or belong to another table; without a"
            f" .json or .txt beside it, the row of {later[-1].name}{later[-1].ending} is unknown"
        )


def _scan(folder: Path) -> Iterator[_Download]:
    for place, names in walk(folder):
        below, there = os.path.relpath(place, folder), frozenset(names)
        for name in names:
            if match := NUMBERED.fullmatch(name):
                stem, ending = os.path.splitext(name)
                key, row, checksum = match.groups()
                has_sidecar = any(stem + other in there for other in SIDECARS)
                path, digits = os.path.normpath(os.path.join(below, stem)), len(key) if key else None
                yield _Download(path, ending, int(key or row), has_sidecar, digits, int(checksum) if checksum else None)
