"""Parquet tables of captions, as LAION, COYO and img2dataset write them. Needs the extra `parquet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import shown
from pali3kit.data.lines import find_files
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.record import Record
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

if TYPE_CHECKING:
    from pyarrow import ChunkedArray
    from pyarrow.parquet import ParquetFile

CAPTIONS = ("caption", "TEXT", "text", "alt_text", "title")
PICTURES = ("jpg", "png", "webp", "image", "image_bytes", "bytes")
KEY, STATUS, SUCCESS = "key", "status", "success"
GROUPS_KEPT = 4


class ParquetReader(Files):
    """Rows with a caption (column `caption`, `TEXT`, `text`, `alt_text` or `title`) and a picture:

    - its bytes in a column `jpg`, `png`, `webp` (img2dataset's output format parquet), `image`, `image_bytes` or
      `bytes`; or in `image: {bytes, path}`, as of Hugging Face datasets;
    - else img2dataset's `key` and the folder `images`: key 000120034 is `00012/000120034.jpg`.

    Rows whose `status` is not `success` are left out. A group of rows is read as a whole, and rows are asked for at
    random: files with bytes should have small groups (some hundred rows).
    """

    def __init__(self, path: str, images: str | None = None, language: str = "en") -> None:
        super().__init__(*find_files(path, ".parquet"))
        self.images = existing(images, "folder") if images else None
        self.language = language
        self._read = lru_cache(GROUPS_KEPT)(self._group)

    @cached_property
    def _groups(self) -> tuple[list[tuple[Path, int]], np.ndarray]:
        """File and number of each group of rows, and the rows `[rows, 2]` that can be used: group and place in it."""
        groups: list[tuple[Path, int]] = []
        rows: list[np.ndarray] = []
        for file in self.files:
            table = _open(file)
            _column(file, table.schema_arrow.names, CAPTIONS, "caption")
            for number in range(table.num_row_groups):
                places = np.flatnonzero(_usable(table, number))
                rows.append(np.stack([np.full(len(places), len(groups)), places], axis=1))
                groups.append((file, number))
        if not sum(map(len, rows)):
            raise DataError(f"{self.files[0]}: no rows")
        return groups, np.concatenate(rows)

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,)

    def __len__(self) -> int:
        return len(self._groups[1])

    def _group(self, group: int, column: str) -> ChunkedArray:
        """A column of a group of rows."""
        file, number = self._groups[0][group]
        try:
            return _open(file).read_row_group(number, columns=[column])[column]
        except OSError as error:
            raise DataError(f"{file}: row group {number}: {error}") from error

    def record(self, number: int) -> Record:
        group, place = (int(value) for value in self._groups[1][number])
        file, in_file = self._groups[0][group]
        name = f"{file}: row group {in_file}, row {place}"
        names = _open(file).schema_arrow.names
        column = _column(file, names, CAPTIONS, "caption")
        caption = self._read(group, column)[place].as_py()
        if not isinstance(caption, str) or not caption.strip():
            raise DataError(f"{name}: '{column}' should be a text that is not empty, not {shown(caption)}.")
        pictures = [known for known in PICTURES if known in names]
        if not pictures and (KEY not in names or self.images is None):
            raise DataError(f"{file}: no column {', '.join(PICTURES)}, and no `images` with a column key")
        if not pictures:
            assert self.images is not None
            key = str(self._read(group, KEY)[place].as_py())
            picture = picture_in(self.images, f"{key[:-4]}/{key}.jpg", f"{key}.jpg")
        else:
            picture = partial(self._picture, group, place, pictures[0], name)
        return Record(name, picture, captions={self.language: (caption.strip(),)})

    def _picture(self, group: int, place: int, column: str, name: str) -> bytes:
        value = self._read(group, column)[place].as_py()
        value = value.get("bytes") if isinstance(value, Mapping) else value
        if not isinstance(value, bytes):
            raise DataError(f"{name}: '{column}' should hold a picture's bytes, not {shown(value)}.")
        return value


@lru_cache(16)
def _open(file: Path) -> ParquetFile:
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataError("source 'parquet' needs pyarrow: pip install 'pali3kit[parquet]'") from error
    try:
        return ParquetFile(file)
    except (ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: no Parquet file: {error}") from error


def _column(file: Path, names: Sequence[str], wanted: Sequence[str], what: str) -> str:
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise DataError(f"{file}: no column '{what}'.{choose(what, names)}")
    return found


def _usable(table: ParquetFile, group: int) -> np.ndarray:
    """Which rows of a group were downloaded, bool `[rows]`."""
    if STATUS not in table.schema_arrow.names:
        return np.ones(table.metadata.row_group(group).num_rows, dtype=bool)
    status = table.read_row_group(group, columns=[STATUS])[STATUS].to_pylist()
    return np.array([value == SUCCESS for value in status], dtype=bool)


@SOURCE.register(
    "parquet",
    "captions in Parquet files, LAION or img2dataset",
    tells=("captions",),
    files=("path", "test"),
    folders=("images", "test_images"),
)
def create(
    path: str,
    images: str | None = None,
    language: str = "en",
    filter: bool = False,
    test: str | None = None,
    test_images: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `parquet`: captions and bytes of pictures, or img2dataset's keys of files in `images`.

    `filter` drops poor texts.
    """
    held = ParquetReader(test, test_images or images, language) if test else None
    return AnnotatedSource(ParquetReader(path, images, language), held, filter)
