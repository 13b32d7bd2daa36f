"""Tables of captions with urls or paths, as Conceptual Captions are published, and the images in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.lines import Lines
from pali3kit.data.reader import Files, image_folder, image_in, require_path
from pali3kit.data.readers.downloads import Downloads
from pali3kit.data.record import Record
from pali3kit.data.table import DelimitedTable
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.storage.paths import folder_here

CAPTIONS = ("caption", "title", "text")
ADDRESSES = ("filepath", "image_path", "file_name", "filename", "path", "image", "url")  # paths are preferred to urls
DELIMITERS = ("\t", ",")
MAX_TRIED = 100  # rows; the first readable one shows whether addresses are urls or paths


class _TsvReader(Files):
    """A line is `caption<TAB>address` (CC3M) or `address<TAB>caption` (CC12M), unquoted; or the file has a header
    (`caption`, `title` or `text`; `filepath`, `image_path`, `file_name`, `path`, `image` or `url`) and cells separated
    by tabs or commas, which may be quoted, as pandas writes and open_clip reads them.

    An address that is a path is the image's path below `images`. For a url, the image is the one downloaded for the
    row, anywhere below `images`: img2dataset's output format `files` (`00012/000123456.jpg`), matched by the url in its
    `.json` or else by its number, which is the row counted from 0 without the header; or
    DownloadConceptualCaptions' `123456_<crc32>`. Rows without an image are left out. The file name at the end of a url
    is not used: thousands of urls end with `image.jpg`.
    """

    version = 3

    def __init__(self, path: str, images: str, language: str = "en") -> None:
        super().__init__(require_path(path))
        self.path, self.image_folder = self.files[0], image_folder(images)
        self.language = language
        self.lines = Lines(self.files)

    @cached_property
    def _table(self) -> tuple[DelimitedTable, str, str] | None:
        """The table and the names of its caption and address columns; None for a file without a header."""
        if not len(self.lines):
            raise DataError(f"{self.path}: it is empty")
        for delimiter in DELIMITERS:
            table = DelimitedTable(self.lines, delimiter)
            known = {name.lower(): name for name in reversed(table.names)}
            caption, address = (
                next((known[n] for n in wanted if n in known), None) for wanted in (CAPTIONS, ADDRESSES)
            )
            if caption is not None and address is not None:
                table.check_names()
                return table, caption, address
            if (caption or address) and len(known) > 1 and not any("." in name for name in known):
                lost = "caption" if caption is None else "url or path"
                raise DataError(f"{self.path}:1: no column for a {lost} among {', '.join(table.names)}")
        return None

    @cached_property
    def _url_first(self) -> bool:
        lines = (self.lines[line].split(b"\t") for line in range(min(len(self.lines), MAX_TRIED)))
        return b"://" in next((cells[0] for cells in lines if len(cells) == 2), b"")

    @cached_property
    def _count(self) -> int:
        """Number of rows, with and without an image."""
        return len(self._table[0]) if self._table else len(self.lines)

    def _where(self, row: int) -> str:
        return self._table[0].where(row) if self._table else self.lines.where(row)

    def _row(self, row: int) -> tuple[str, str]:
        """The caption and the address of a row."""
        if self._table:
            table, *names = self._table
            named = table[row]
            caption, address = (named[name] for name in names)
        else:
            caption, address = self._plain(row)
        return caption.strip(), address.strip()

    def _plain(self, row: int) -> tuple[str, str]:
        """The caption and the address of a line of a file without a header."""
        cells = self.lines[row].decode(errors="replace").removeprefix("\ufeff").split("\t")
        if len(cells) < 2:
            raise DataError(f"{self.lines.where(row)}: no tab between a caption and a url or path: '{cells[0][:40]}'")
        if len(cells) > 2:
            raise DataError(f"{self.lines.where(row)}: {len(cells)} columns, and no header that names them")
        first, second = cells
        return (second, first) if self._url_first else (first, second)

    @cached_property
    def _downloads(self) -> Downloads | None:
        """The downloaded images; None if addresses are paths."""
        if "://" not in self._first_address():
            return None
        return Downloads(folder_here(self.image_folder, "images of urls are found by their names"), self._count)

    def _first_address(self) -> str:
        """The address of the first readable row. Raises the error of row 0 if there is none."""
        if not self._count:
            raise DataError(f"{self.path}: it has no rows")
        for row in range(min(self._count, MAX_TRIED)):
            with suppress(DataError):
                return self._row(row)[1]
        return self._row(0)[1]

    @property
    def damages(self) -> Sequence[str]:
        """Empty until the first record is asked for, which searches for the downloaded images."""
        found: Downloads | None = self.__dict__.get("_downloads")
        return found.skipped if found else []

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,)

    def __len__(self) -> int:
        return self._count if self._downloads is None else len(self._downloads)

    def record(self, number: int) -> Record:
        if self._downloads is None:
            (caption, file), name = self._row(number), self._where(number)
        else:
            download = self._downloads[number]
            caption, file = self._downloads.caption(number, self._row), download.name + download.ending
            name = f"{self.image_folder}/{file}" if download.has_sidecar else self._where(download.row)
        if not caption:
            raise DataError(f"{name}: its caption is empty")
        return Record(name, image_in(self.image_folder, file), captions={self.language: (caption,)})


@SOURCE.register(
    "tsv",
    "captions in a table, CC3M and CC12M, with a folder of images",
    annotations=("captions",),
    files=("path", "test"),
    folders=("images", "test_images"),
)
def _create(
    path: str,
    images: str,
    language: str = "en",
    filter: bool = False,
    test: str | None = None,
    test_images: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `tsv`: captions with urls or paths, images in `images` by row or path; `filter` drops poor texts.

    `image_size` is ignored: images keep their size, and encoders resize them.
    """
    held = _TsvReader(test, test_images or images, language) if test else None
    return AnnotatedSource(_TsvReader(path, images, language), held, filter)
