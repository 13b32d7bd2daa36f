"""Pictures that were downloaded for the rows of a table of urls, and which row each is of."""

from __future__ import annotations

import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pali3kit.data.beside import read_captions
from pali3kit.data.fields import mapping, parsed
from pali3kit.data.reader import picture_in
from pali3kit.data.visible import walk
from pali3kit.errors import DataError

NUMBERED = re.compile(r"(?:(\d{6,})|(\d+)_(\d+))(?:\.(?:jpe?g|png|webp|gif))?", re.IGNORECASE)
SHARD = 9  # digits of a key of img2dataset whose last four count 10,000 rows of a shard, if nobody asked for others
TOLD = (".json", ".txt")  # what img2dataset leaves beside a picture
Row = Callable[[int], tuple[str, str]]
"""The caption and the url of a row."""


@dataclass(frozen=True, slots=True)
class Download:
    """A picture below the folder, by the name of its file, without its ending.

    `row` is what its name says, `told` whether a `.json` or `.txt` beside it says more, `sum` the CRC-32 of its url.
    """

    name: str
    ending: str
    row: int
    told: bool
    sum: int | None = None


def find_downloads(folder: Path, rows: int) -> tuple[list[Download], list[str]]:
    """The pictures by their rows, and what is left out: those past the last row, and several of one row.

    Raises:
        DataError: no picture is called as those that are downloaded are.
    """
    found = sorted(_named(folder), key=lambda download: (download.row, download.name))
    if not found:
        raise DataError(f"{folder}: no picture is called by its row, such as 00000/000000000.jpg or 0_1234567890")
    bare = Counter(download.row for download in found if not download.told)
    past = [download for download in found if not download.told and download.row >= rows]
    several = [d for d in found if not d.told and d.row < rows and bare[d.row] > 1]
    damages = [
        f"{folder}: left out: {len(lost)} pictures {what}, the first {lost[0].name}{lost[0].ending}"
        for lost, what in ((past, f"numbered past the last of {rows} rows"), (several, "of a row that has several"))
        if lost
    ]
    lost = {id(download) for download in (*past, *several)}
    return [download for download in found if id(download) not in lost], damages


def _named(folder: Path) -> list[Download]:
    found = []
    for place, names in walk(folder):
        below, there = os.path.relpath(place, folder), frozenset(names)
        for name in names:
            if match := NUMBERED.fullmatch(name):
                stem, ending = os.path.splitext(name)
                told = any(stem + other in there for other in TOLD)
                if match[2] or told or len(match[1]) == SHARD:
                    row, of_url = int(match[1] or match[2]), int(match[3]) if match[2] else None
                    found.append(Download(os.path.normpath(os.path.join(below, stem)), ending, row, told, of_url))
    return found


def caption_of(download: Download, folder: Path, row: Row, rows: int) -> str:
    """The caption of a picture: of the row that its number says, unless what lies beside it is of another one.

    img2dataset numbers by shards, of 10,000 rows or of any other number.

    Raises:
        DataError: nothing tells which row it is of.
    """
    caption, url = row(download.row) if download.row < rows else ("", None)
    known = _url(download, folder)
    if url is not None and known == url:
        return caption
    told = read_captions(partial(_beside, folder, download), f"{folder / download.name}")
    if told:
        return told[0]
    if url is None or known is not None or download.sum not in (None, zlib.crc32(url.encode(errors="replace"))):
        raise DataError(
            f"{folder / download.name}: it is of another url than row {download.row}, or there is no such row"
        )
    return caption


def _url(download: Download, folder: Path) -> str | None:
    """The url that img2dataset's `.json` has, where there is one."""
    data = _beside(folder, download, "json")
    where = f"{folder / download.name}.json"
    told: Mapping[str, object] = mapping(parsed(data, where), where) if data is not None else {}
    url = told.get("url")
    return url if isinstance(url, str) else None


def _beside(folder: Path, download: Download, ending: str) -> bytes | None:
    if not download.told or not (folder / f"{download.name}.{ending}").exists():
        return None
    return picture_in(folder, f"{download.name}.{ending}")()
