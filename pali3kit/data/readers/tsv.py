"""Tables of captions and addresses, as Conceptual Captions are published, with the pictures in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.lines import Lines
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.readers.downloads import Download, caption_of, find_downloads
from pali3kit.data.record import Record
from pali3kit.data.table import CellTable
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

CAPTIONS = ("caption", "title", "text")
ADDRESSES = ("filepath", "image_path", "file_name", "filename", "path", "image", "url")  # a path is surer than a url
DELIMITERS = ("\t", ",")
TRIED = 100  # rows, of which the first that can be read says what addresses are


class TsvReader(Files):
    """`caption<TAB>address` on each line (CC3M), or `address<TAB>caption` (CC12M), as it lies there; or, below a first
    line of names (`caption`, `title` or `text`; `filepath`, `image_path`, `file_name`, `path`, `image` or `url`), cells
    apart by tabs or commas, which may be quoted, as pandas writes and open_clip reads them.

    An address that is a path leads to the picture below `images`. For a url it is what was downloaded for the row, in
    any folder below: img2dataset's `files` (`00012/000123456.jpg`), whose own `.json` or `.txt` says the caption, else
    whose number is the row, counted from 0 without the line of names; or DownloadConceptualCaptions' `123456_<crc32>`.
    Rows without a picture are left out. The name at the end of a url is not used: thousands of pages call their picture
    `image.jpg`.
    """

    version = 3

    def __init__(self, path: str, images: str, language: str = "en") -> None:
        super().__init__(existing(path))
        self.path, self.images = self.files[0], existing(images, "folder")
        self.language = language
        self.lines = Lines(self.files)

    @cached_property
    def _table(self) -> tuple[CellTable, str, str] | None:
        """The table below a line of names, with those of the caption and of the address; None for plain lines."""
        if not len(self.lines):
            raise DataError(f"{self.path}: it is empty")
        for delimiter in DELIMITERS:
            table = CellTable(self.lines, delimiter)
            known = {name.lower(): name for name in reversed(table.names)}
            caption, address = (
                next((known[n] for n in wanted if n in known), None) for wanted in (CAPTIONS, ADDRESSES)
            )
            if caption is not None and address is not None:
                table.check_names()
                return table, caption, address
            if (caption or address) and len(known) > 1 and not any("." in name for name in known):
                lost = "caption" if caption is None else "url or path"
                raise DataError(f"{self.path}:1: no column of a {lost} among {', '.join(table.names)}")
        return None

    @cached_property
    def _url_first(self) -> bool:
        lines = (self.lines[line].split(b"\t") for line in range(min(len(self.lines), TRIED)))
        return b"://" in next((cells[0] for cells in lines if len(cells) == 2), b"")

    @cached_property
    def _count(self) -> int:
        """How many rows there are, with and without a picture."""
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
        """The caption and the address of a line without quotes."""
        cells = self.lines[row].decode(errors="replace").removeprefix("\ufeff").split("\t")
        if len(cells) < 2:
            raise DataError(f"{self.lines.where(row)}: no tab between a caption and a url or path: '{cells[0][:40]}'")
        if len(cells) > 2:
            raise DataError(
                f"{self.lines.where(row)}: {len(cells)} columns, and no line of names that tells them apart"
            )
        first, second = cells
        return (second, first) if self._url_first else (first, second)

    @cached_property
    def _found(self) -> tuple[list[Download], list[str]] | None:
        """The pictures that were downloaded, and what is wrong with them; None where addresses are paths."""
        return find_downloads(self.images, self._count) if "://" in self._first_address() else None

    def _first_address(self) -> str:
        """That of the first row that can be read. Raises what is wrong with the first where none can."""
        if not self._count:
            raise DataError(f"{self.path}: it has no rows")
        for row in range(min(self._count, TRIED)):
            with suppress(DataError):
                return self._row(row)[1]
        return self._row(0)[1]

    @property
    def damages(self) -> Sequence[str]:
        """As far as is known: pictures are looked for when the first one is asked for."""
        found = self.__dict__.get("_found")
        return found[1] if found else []

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,)

    def __len__(self) -> int:
        return self._count if self._found is None else len(self._found[0])

    def record(self, number: int) -> Record:
        if self._found is None:
            (caption, file), name = self._row(number), self._where(number)
        else:
            download = self._found[0][number]
            caption, file = caption_of(download, self.images, self._row, self._count), download.name + download.ending
            name = str(self.images / file) if download.told else self._where(download.row)
        if not caption:
            raise DataError(f"{name}: its caption is empty")
        return Record(name, picture_in(self.images, file), captions={self.language: (caption,)})


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
