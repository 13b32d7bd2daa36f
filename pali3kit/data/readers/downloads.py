"""Pictures that were downloaded for the rows of a table of urls, and which row each is of."""

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
from pali3kit.data.fields import mapping, parse_json
from pali3kit.data.reader import picture_in
from pali3kit.data.visible import walk
from pali3kit.errors import DataError

NUMBERED = re.compile(r"(?:(\d{6,})|(\d+)_(\d+))(?:\.(?:jpe?g|png|webp|gif))?", re.IGNORECASE)
SHARD, DIGITS = 10_000, 9  # rows of a shard of img2dataset, and digits of a key, if nobody asked for others
ENOUGH = 100  # pictures from which it would show that shards have other sizes
TOLD = (".json", ".txt")  # what img2dataset leaves beside a picture
Row = Callable[[int], tuple[str, str]]
"""The caption and the url of a row."""


@dataclass(frozen=True, slots=True)
class Download:
    """A picture below the folder, by the name of its file, without its ending.

    `row` is what its name says, `told` whether a `.json` or `.txt` beside it says more. `digits` are those of its key,
    `sum` is the CRC-32 of its url: img2dataset's names have the one, DownloadConceptualCaptions' the other.
    """

    name: str
    ending: str
    row: int
    told: bool
    digits: int | None = None
    sum: int | None = None

    def fault(self, rows: int) -> str | None:
        """Why its name alone says no row."""
        if self.digits not in (None, DIGITS):
            return "whose number is no row's"
        return f"past the last of {rows} rows" if self.row >= rows else None


def find_downloads(folder: Path, rows: int) -> tuple[list[Download], list[str]]:
    """The pictures by their rows, and what is left out: those whose name says no row, or one that several have.

    Raises:
        DataError: no picture says its row, or shards are of another size than names can tell.
    """
    found = sorted(_named(folder), key=lambda download: (download.row, download.name))
    kept = [download for download in found if download.told]
    left: dict[str, list[Download]] = defaultdict(list)
    bare = [download for download in found if not download.told]
    times = Counter(download.row for download in bare)
    for download in bare:
        fault = download.fault(rows) or ("of a row that has several" if times[download.row] > 1 else None)
        (left[fault] if fault else kept).append(download)
    if not kept:
        raise DataError(f"{folder}: no picture is called by its row, such as 00000/000000000.jpg or 0_1234567890")
    _check_shards([download for download in bare if download.digits == DIGITS], folder, rows)
    return sorted(kept, key=lambda download: (download.row, download.name)), [
        f"{folder}: left out: {len(lost)} pictures {fault}, the first {lost[0].name}{lost[0].ending}"
        for fault, lost in left.items()
    ]


def _check_shards(found: Sequence[Download], folder: Path, rows: int) -> None:
    """Raises DataError where keys of img2dataset do not count shards of 10,000 rows: then they are no rows."""
    later = [download for download in found if download.row >= SHARD]
    highest = max((download.row % SHARD for download in found), default=0)
    if later and (later[-1].row >= rows or (len(found) >= ENOUGH and highest < SHARD / 2)):
        past = later[-1].row >= rows
        why = f"numbers go past the last of {rows} rows" if past else f"no number ends with more than {highest}"
        raise DataError(
            f"{folder}: {why}: img2dataset's shards are not of {SHARD} rows, or of another table; without its .json or"
            f" .txt beside it nothing tells the row of {later[-1].name}{later[-1].ending}"
        )


def _named(folder: Path) -> Iterator[Download]:
    for place, names in walk(folder):
        below, there = os.path.relpath(place, folder), frozenset(names)
        for name in names:
            if match := NUMBERED.fullmatch(name):
                stem, ending = os.path.splitext(name)
                key, row, of_url = match.groups()
                told = any(stem + other in there for other in TOLD)
                path, digits = os.path.normpath(os.path.join(below, stem)), len(key) if key else None
                yield Download(path, ending, int(key or row), told, digits, int(of_url) if of_url else None)


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
    told: Mapping[str, object] = mapping(parse_json(data, where), where) if data is not None else {}
    url = told.get("url")
    return url if isinstance(url, str) else None


def _beside(folder: Path, download: Download, ending: str) -> bytes | None:
    if not download.told or not (folder / f"{download.name}.{ending}").exists():
        return None
    return picture_in(folder, f"{download.name}.{ending}")()
