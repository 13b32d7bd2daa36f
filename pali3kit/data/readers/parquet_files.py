"""Rows of Parquet files: their cells, and the images in them or beside them. Needs the extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pali3kit.config.paths import protocol
from pali3kit.data.fields import shown
from pali3kit.data.lines import find_files
from pali3kit.data.reader import ReaderDefaults, image_folder, image_in
from pali3kit.errors import DataError, StorageError, choose
from pali3kit.storage.blocks import KeptBlocks
from pali3kit.storage.paths import size_of
from pali3kit.storage.patterns import remote_files
from pali3kit.storage.remote import AnyPath, RemotePath

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyarrow import ChunkedArray
    from pyarrow.parquet import ParquetFile

BYTES = ("jpg", "png", "webp", "image", "image_bytes", "bytes")
PATHS = ("image_path", "filepath", "file_name", "filename", "path")
KEY, STATUS, SUCCESS = "key", "status", "success"
ENCODINGS = ("jpg", "png", "webp")
DIGITS = (4, 3, 5)  # of the position within a shard in img2dataset's keys; the number depends on the shard size
MAX_ROWS_PER_BYTE = 1000  # of file size; more is a damaged header
CACHED_IMAGES, CACHED_TEXTS = 4, 256  # columns of row groups kept in memory


class ParquetRow(NamedTuple):
    """A row: its file, row group and place in that, the number of the row group among those of all files, and what
    errors call it.
    """

    file: AnyPath
    place: int
    group: int
    name: str


class ParquetFiles(ReaderDefaults):
    """Rows with an image:

    - its bytes in a column `jpg`, `png`, `webp` (img2dataset's output format parquet), `image`, `image_bytes` or
      `bytes`; or in `image: {bytes, path}`, as in Hugging Face datasets;
    - its path below the folder `images` in one of these columns, or in `image_path`, `filepath`, `file_name` or `path`;
    - else by img2dataset's `key` in the folder `images`: key 000120034 is `00012/000120034.jpg`.

    Rows whose `status` is not `success` are left out. Rows are read in random order, each with its whole row group:
    files with image bytes should have small row groups (some hundred rows). Of a file behind a URL only the columns and
    row groups that are asked for are fetched, once for this machine.

    Args:
        path: a file, a folder or a pattern.
        images: the folder of image files, if they are not in the table.
        columns: names of columns by what they hold, in place of the usual names.
        known: what `columns` may name beside the `image`.
    """

    def __init__(self, path: str, images: str | None, columns: Mapping[str, str] | None, known: Sequence[str]) -> None:
        self.files: Sequence[AnyPath] = (remote_files if protocol(path) else find_files)(path, ".parquet")
        self.image_folder = image_folder(images) if images else None
        self.columns = columns or {}
        for name in self.columns:
            if name not in ("image", *known):
                raise DataError(f"columns: nothing is called '{name}'.{choose(name, ('image', *known))}")
        self._images = lru_cache(CACHED_IMAGES)(self._read_column)
        self._texts = lru_cache(CACHED_TEXTS)(self._read_column)
        self._damages: list[str] = []

    @cached_property
    def _groups(self) -> tuple[list[tuple[AnyPath, int]], np.ndarray]:
        """File and number of each row group, and the usable rows `[rows, 2]`: row group and position in it."""
        groups: list[tuple[AnyPath, int]] = []
        rows: list[np.ndarray] = []
        for file in self.files:
            try:
                table = _open(file)
                self.check(file, table.schema_arrow.names)
                found = [np.flatnonzero(_usable(file, number)) for number in range(table.num_row_groups)]
            except DataError as error:  # one damaged file of many is reported and left out
                self._damages.append(str(error))
                continue
            for number, places in enumerate(found):
                rows.append(np.stack([np.full(len(places), len(groups)), places], axis=1))
                groups.append((file, number))
        if not sum(map(len, rows)):
            raise DataError(self._damages[0] if self._damages else f"{self.files[0]}: no rows")
        return groups, np.concatenate(rows)

    def check(self, file: AnyPath, names: Sequence[str]) -> None:
        """Raise DataError unless a file has the columns that `columns` names; more in subclasses."""
        for column in self.columns.values():
            if column not in names and column.partition(".")[0] not in names:
                raise DataError(f"{file}: no column '{column}'.{choose(column, names)}")

    @property
    def damages(self) -> Sequence[str]:
        """Errors of unreadable files; empty until the first row is asked for, which opens all of them."""
        return self._damages

    @property
    def num_rows(self) -> int:
        return len(self._groups[1])

    def row(self, number: int) -> ParquetRow:
        group, place = (int(value) for value in self._groups[1][number])
        file, in_file = self._groups[0][group]
        return ParquetRow(file, place, group, f"{file}: row group {in_file}, row {place}")

    def names(self, row: ParquetRow) -> Sequence[str]:
        """The columns of the row's file."""
        found: Sequence[str] = _open(row.file).schema_arrow.names
        return found

    def _read_column(self, group: int, column: str) -> ChunkedArray:
        return _read(*self._groups[0][group], column)

    def value(self, row: ParquetRow, column: str) -> object:
        """A cell that is no image, as Python's types have it; a part of it after a dot, of each item of a list."""
        return self._held(self._texts, row, column)

    def _held(self, read: Callable[[int, str], ChunkedArray], row: ParquetRow, column: str) -> object:
        own = column if column in self.names(row) else column.partition(".")[0]
        with _as_data_error(f"{row.name}: '{own}'"):
            found: object = read(row.group, own)[row.place].as_py()
        for name in filter(None, column[len(own) :].split(".")):
            found = _part(found, name, f"{row.name}: '{own}'")
        return found

    def reader_of_image(self, row: ParquetRow) -> Callable[[], bytes]:
        """A function that reads the file of a row's image. Raises DataError where no column holds it."""
        names = self.names(row)
        usual = next((name for name in (*BYTES, *PATHS) if name in names), None)
        if column := self.columns.get("image", usual):
            return partial(self._image, row, column)
        if KEY not in names or self.image_folder is None:
            raise DataError(f"{row.file}: no column {', '.join(BYTES)}, and no `images` with a column key")
        key = self.value(row, KEY)
        if not isinstance(key, str | int):
            raise DataError(f"{row.name}: '{KEY}' should be a text, not {shown(key)}.")
        return image_in(self.image_folder, *_files(str(key)))

    def _image(self, row: ParquetRow, column: str) -> bytes:
        """The bytes of an image, from the cell or from the file that it names."""
        value = self._held(self._images, row, column)
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str) and self.image_folder is not None:
            return image_in(self.image_folder, value)()
        if not isinstance(value, bytes):
            missing = " and there is no folder `images`" if isinstance(value, str) else ""
            raise DataError(f"{row.name}: '{column}' should hold an image's bytes, not {shown(value)}{missing}.")
        return value


def _part(value: object, name: str, where: str) -> object:
    """The field `name` of a mapping, or of each of a list."""
    if isinstance(value, list):
        return [_part(each, name, where) for each in value]
    if value is None:
        return None
    if not isinstance(value, Mapping) or name not in value:
        known = choose(name, map(str, value)) if isinstance(value, Mapping) else f" It is {shown(value)}."
        raise DataError(f"{where}: no field '{name}'.{known}")
    found: object = value[name]
    return found


@lru_cache(16)
def _open(file: AnyPath) -> ParquetFile:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataError("source 'parquet' needs pyarrow: pip install 'pali3kit[parquet]'") from error
    try:
        return ParquetFile(KeptBlocks(file).open(buffer=0) if isinstance(file, RemotePath) else file)
    except StorageError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"{file}: not a Parquet file: {error}") from error


def _read(file: AnyPath, group: int, column: str) -> ChunkedArray:
    """A column of a row group."""
    with _as_data_error(f"{file}: row group {group}: '{column}'"):
        return _open(file).read_row_group(group, columns=[column])[column]


@contextmanager
def _as_data_error(what: str) -> Iterator[None]:
    """Turn any exception into a DataError: a damaged file may raise IndexError, UnicodeDecodeError or anything else. A
    server that does not answer is no damage.
    """
    try:
        yield
    except (DataError, StorageError):
        raise
    except Exception as error:
        raise DataError(f"{what} cannot be read: {error}") from error


def _files(key: str) -> list[str]:
    """Where img2dataset puts an image: in its shard's folder, named by the key without the position in the shard."""
    names = [f"{key}.{ending}" for ending in ENCODINGS]
    return [f"{key[:-digits]}/{name}" for digits in DIGITS if len(key) > digits for name in names] + names


def _usable(file: AnyPath, group: int) -> np.ndarray:
    """Which rows of a row group were downloaded, bool `[rows]`."""
    table = _open(file)
    rows = table.metadata.row_group(group).num_rows
    if not 0 <= rows <= MAX_ROWS_PER_BYTE * size_of(file):
        raise DataError(f"{file}: row group {group} claims to have {rows} rows")
    if STATUS not in table.schema_arrow.names:
        return np.ones(rows, dtype=bool)
    with _as_data_error(f"{file}: row group {group}: '{STATUS}'"):
        return np.array([value == SUCCESS for value in _read(file, group, STATUS).to_pylist()], dtype=bool)
