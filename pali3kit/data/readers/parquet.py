"""Parquet tables of captions and images, as LAION, COYO and img2dataset write them. Needs the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import shown
from pali3kit.data.lines import find_files
from pali3kit.data.reader import Files, image_in, require_path
from pali3kit.data.record import Record, nonblank_lines
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

if TYPE_CHECKING:
    from pyarrow import ChunkedArray
    from pyarrow.parquet import ParquetFile

CAPTIONS = ("caption", "captions", "TEXT", "text", "alt_text", "title")
BYTES = ("jpg", "png", "webp", "image", "image_bytes", "bytes")
PATHS = ("image_path", "filepath", "file_name", "filename", "path")
KEY, STATUS, SUCCESS = "key", "status", "success"
ENCODINGS = ("jpg", "png", "webp")
DIGITS = (4, 3, 5)  # of the position within a shard in img2dataset's keys; the number depends on the shard size
MAX_ROWS_PER_BYTE = 1000  # of file size; more is a damaged header
CACHED_COLUMNS = 4  # columns of row groups kept in memory


class _ParquetReader(Files):
    """Rows with a caption or a list of them (column `caption`, `captions`, `TEXT`, `text`, `alt_text` or `title`) and
    an image:

    - its bytes in a column `jpg`, `png`, `webp` (img2dataset's output format parquet), `image`, `image_bytes` or
      `bytes`; or in `image: {bytes, path}`, as in Hugging Face datasets;
    - its path below the folder `images` in one of these columns, or in `image_path`, `filepath`, `file_name` or `path`;
    - else by img2dataset's `key` in the folder `images`: key 000120034 is `00012/000120034.jpg`.

    Rows whose `status` is not `success` are left out. Rows are read in random order, each with its whole row group:
    files with image bytes should have small row groups (some hundred rows).
    """

    def __init__(self, path: str, images: str | None = None, language: str = "en") -> None:
        super().__init__(*find_files(path, ".parquet"))
        self.image_folder = require_path(images, "folder") if images else None
        self.language = language
        self._read = lru_cache(CACHED_COLUMNS)(self._read_column)
        self._damages: list[str] = []

    @cached_property
    def _groups(self) -> tuple[list[tuple[Path, int]], np.ndarray]:
        """File and number of each row group, and the usable rows `[rows, 2]`: row group and position in it."""
        groups: list[tuple[Path, int]] = []
        rows: list[np.ndarray] = []
        for file in self.files:
            try:
                found = _rows(file)
            except DataError as error:  # one damaged file of many is reported and left out
                self._damages.append(str(error))
                continue
            for number, places in enumerate(found):
                rows.append(np.stack([np.full(len(places), len(groups)), places], axis=1))
                groups.append((file, number))
        if not sum(map(len, rows)):
            raise DataError(self._damages[0] if self._damages else f"{self.files[0]}: no rows")
        return groups, np.concatenate(rows)

    @property
    def damages(self) -> Sequence[str]:
        """Errors of unreadable files; empty until the first row is asked for, which opens all of them."""
        return self._damages

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,)

    def __len__(self) -> int:
        return len(self._groups[1])

    def _read_column(self, group: int, column: str) -> ChunkedArray:
        return _read(*self._groups[0][group], column)

    def record(self, number: int) -> Record:
        group, place = (int(value) for value in self._groups[1][number])
        file, in_file = self._groups[0][group]
        name = f"{file}: row group {in_file}, row {place}"
        names = _open(file).schema_arrow.names
        column = _column(file, names, CAPTIONS, "caption")
        captions = self._captions(group, place, column, name)
        columns = [known for known in (*BYTES, *PATHS) if known in names]
        if not columns and (KEY not in names or self.image_folder is None):
            raise DataError(f"{file}: no column {', '.join(BYTES)}, and no `images` with a column key")
        if not columns:
            assert self.image_folder is not None
            key = self._value(group, place, KEY, name)
            if not isinstance(key, str | int):
                raise DataError(f"{name}: '{KEY}' should be a text, not {shown(key)}.")
            read_image = image_in(self.image_folder, *_files(str(key)))
        else:
            read_image = partial(self._image, group, place, columns[0], name)
        return Record(name, read_image, captions={self.language: captions})

    def _value(self, group: int, place: int, column: str, name: str) -> object:
        with _as_data_error(f"{name}: '{column}'"):
            value: object = self._read(group, column)[place].as_py()
        return value

    def _captions(self, group: int, place: int, column: str, name: str) -> tuple[str, ...]:
        """The texts of a row: one, or those of a list."""
        value = self._value(group, place, column, name)
        texts = value if isinstance(value, list) else [value]
        captions = nonblank_lines(text for text in texts if isinstance(text, str))
        if not captions or not all(isinstance(text, str) for text in texts):
            wrong = next((text for text in texts if not isinstance(text, str)), texts[0] if texts else None)
            raise DataError(
                f"{name}: '{column}' should be a text that is not empty, or a list of texts, not {shown(wrong)}."
            )
        return captions

    def _image(self, group: int, place: int, column: str, name: str) -> bytes:
        """The bytes of an image, from the cell or from the file that it names."""
        value = self._value(group, place, column, name)
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str) and self.image_folder is not None:
            return image_in(self.image_folder, value)()
        if not isinstance(value, bytes):
            missing = " and there is no folder `images`" if isinstance(value, str) else ""
            raise DataError(f"{name}: '{column}' should hold an image's bytes, not {shown(value)}{missing}.")
        return value


@lru_cache(16)
def _open(file: Path) -> ParquetFile:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataError("source 'parquet' needs pyarrow: pip install 'pali3kit[parquet]'") from error
    try:
        return ParquetFile(file)
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"{file}: not a Parquet file: {error}") from error


def _read(file: Path, group: int, column: str) -> ChunkedArray:
    """A column of a row group."""
    with _as_data_error(f"{file}: row group {group}: '{column}'"):
        return _open(file).read_row_group(group, columns=[column])[column]


@contextmanager
def _as_data_error(what: str) -> Iterator[None]:
    """Turn any exception into a DataError: a damaged file may raise IndexError, UnicodeDecodeError or anything else."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{what} cannot be read: {error}") from error


def _column(file: Path, names: Sequence[str], wanted: Sequence[str], what: str) -> str:
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise DataError(f"{file}: no column '{what}'.{choose(what, names)}")
    return found


def _files(key: str) -> list[str]:
    """Where img2dataset puts an image: in its shard's folder, named by the key without the position in the shard."""
    names = [f"{key}.{ending}" for ending in ENCODINGS]
    return [f"{key[:-digits]}/{name}" for digits in DIGITS if len(key) > digits for name in names] + names


def _rows(file: Path) -> list[np.ndarray]:
    """Positions of the usable rows in each row group of a file, which must have a column of captions."""
    table = _open(file)
    _column(file, table.schema_arrow.names, CAPTIONS, "caption")
    return [np.flatnonzero(_usable(file, number)) for number in range(table.num_row_groups)]


def _usable(file: Path, group: int) -> np.ndarray:
    """Which rows of a row group were downloaded, bool `[rows]`."""
    table = _open(file)
    rows = table.metadata.row_group(group).num_rows
    if not 0 <= rows <= MAX_ROWS_PER_BYTE * file.stat().st_size:
        raise DataError(f"{file}: row group {group} claims to have {rows} rows")
    if STATUS not in table.schema_arrow.names:
        return np.ones(rows, dtype=bool)
    with _as_data_error(f"{file}: row group {group}: '{STATUS}'"):
        return np.array([value == SUCCESS for value in _read(file, group, STATUS).to_pylist()], dtype=bool)


@SOURCE.register(
    "parquet",
    "captions in Parquet files, LAION or img2dataset",
    annotations=("captions",),
    files=("path", "test"),
    folders=("images", "test_images"),
)
def _create(
    path: str,
    images: str | None = None,
    language: str = "en",
    filter: bool = False,
    test: str | None = None,
    test_images: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `parquet`: captions with image bytes, or with paths or img2dataset keys of files in `images`.

    `filter` drops poor texts.
    """
    held = _ParquetReader(test, test_images or images, language) if test else None
    return AnnotatedSource(_ParquetReader(path, images, language), held, filter)
