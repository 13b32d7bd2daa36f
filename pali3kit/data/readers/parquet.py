"""Parquet tables of captions, as LAION, COYO and img2dataset write them. Needs the extra `parquet`."""

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
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.record import Record, nonblank_lines
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

if TYPE_CHECKING:
    from pyarrow import ChunkedArray
    from pyarrow.parquet import ParquetFile

CAPTIONS = ("caption", "captions", "TEXT", "text", "alt_text", "title")
PICTURES = ("jpg", "png", "webp", "image", "image_bytes", "bytes")
PATHS = ("image_path", "filepath", "file_name", "filename", "path")
KEY, STATUS, SUCCESS = "key", "status", "success"
ENCODINGS = ("jpg", "png", "webp")
DIGITS = (4, 3, 5)  # of a place in a shard, by the size of shards
MOST_ROWS = 1000  # for each byte of a file
GROUPS_KEPT = 4


class ParquetReader(Files):
    """Rows with a caption or a list of them (column `caption`, `captions`, `TEXT`, `text`, `alt_text` or `title`) and a
    picture:

    - its bytes in a column `jpg`, `png`, `webp` (img2dataset's output format parquet), `image`, `image_bytes` or
      `bytes`; or in `image: {bytes, path}`, as of Hugging Face datasets;
    - its path below the folder `images` in one of these, or in `image_path`, `filepath`, `file_name` or `path`;
    - else img2dataset's `key` and the folder `images`: key 000120034 is `00012/000120034.jpg`.

    Rows whose `status` is not `success` are left out. A group of rows is read as a whole, and rows are asked for at
    random: files with bytes should have small groups (some hundred rows).
    """

    def __init__(self, path: str, images: str | None = None, language: str = "en") -> None:
        super().__init__(*find_files(path, ".parquet"))
        self.images = existing(images, "folder") if images else None
        self.language = language
        self._read = lru_cache(GROUPS_KEPT)(self._group)
        self._damages: list[str] = []

    @cached_property
    def _groups(self) -> tuple[list[tuple[Path, int]], np.ndarray]:
        """File and number of each group of rows, and the rows `[rows, 2]` that can be used: group and place in it."""
        groups: list[tuple[Path, int]] = []
        rows: list[np.ndarray] = []
        for file in self.files:
            try:
                found = _rows(file)
            except DataError as error:  # of many files one may be damaged, as of shards
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
        """Files that cannot be read, as far as is known: they are opened when the first row is asked for."""
        return self._damages

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,)

    def __len__(self) -> int:
        return len(self._groups[1])

    def _group(self, group: int, column: str) -> ChunkedArray:
        """A column of a group of rows."""
        return _read(*self._groups[0][group], column)

    def record(self, number: int) -> Record:
        group, place = (int(value) for value in self._groups[1][number])
        file, in_file = self._groups[0][group]
        name = f"{file}: row group {in_file}, row {place}"
        names = _open(file).schema_arrow.names
        column = _column(file, names, CAPTIONS, "caption")
        captions = self._captions(group, place, column, name)
        pictures = [known for known in (*PICTURES, *PATHS) if known in names]
        if not pictures and (KEY not in names or self.images is None):
            raise DataError(f"{file}: no column {', '.join(PICTURES)}, and no `images` with a column key")
        if not pictures:
            assert self.images is not None
            key = self._value(group, place, KEY, name)
            if not isinstance(key, str | int):
                raise DataError(f"{name}: '{KEY}' should be a text, not {shown(key)}.")
            picture = picture_in(self.images, *_files(str(key)))
        else:
            picture = partial(self._picture, group, place, pictures[0], name)
        return Record(name, picture, captions={self.language: captions})

    def _value(self, group: int, place: int, column: str, name: str) -> object:
        with _damage_told(f"{name}: '{column}'"):
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

    def _picture(self, group: int, place: int, column: str, name: str) -> bytes:
        """Its bytes, or what lies where a path says."""
        value = self._value(group, place, column, name)
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str) and self.images is not None:
            return picture_in(self.images, value)()
        if not isinstance(value, bytes):
            missing = " and `images` is no folder" if isinstance(value, str) else ""
            raise DataError(f"{name}: '{column}' should hold a picture's bytes, not {shown(value)}{missing}.")
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
        raise DataError(f"{file}: no Parquet file: {error}") from error


def _read(file: Path, group: int, column: str) -> ChunkedArray:
    """A column of a group of rows."""
    with _damage_told(f"{file}: row group {group}: '{column}'"):
        return _open(file).read_row_group(group, columns=[column])[column]


@contextmanager
def _damage_told(what: str) -> Iterator[None]:
    """What is raised becomes a DataError: of a damaged file that may be anything, IndexError, UnicodeDecodeError."""
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
    """Where img2dataset puts a picture: in its shard's folder, whose number is the key without the place in it."""
    names = [f"{key}.{ending}" for ending in ENCODINGS]
    return [f"{key[:-digits]}/{name}" for digits in DIGITS if len(key) > digits for name in names] + names


def _rows(file: Path) -> list[np.ndarray]:
    """The places of the rows that can be used in each group of a file, which must have a column of captions."""
    table = _open(file)
    _column(file, table.schema_arrow.names, CAPTIONS, "caption")
    return [np.flatnonzero(_usable(file, number)) for number in range(table.num_row_groups)]


def _usable(file: Path, group: int) -> np.ndarray:
    """Which rows of a group were downloaded, bool `[rows]`."""
    table = _open(file)
    rows = table.metadata.row_group(group).num_rows
    if not 0 <= rows <= MOST_ROWS * file.stat().st_size:
        raise DataError(f"{file}: row group {group} says that it has {rows} rows")
    if STATUS not in table.schema_arrow.names:
        return np.ones(rows, dtype=bool)
    with _damage_told(f"{file}: row group {group}: '{STATUS}'"):
        return np.array([value == SUCCESS for value in _read(file, group, STATUS).to_pylist()], dtype=bool)


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
