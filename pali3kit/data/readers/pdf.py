"""Pages of PDF documents as images of text (PaLI-3's documents; paper.md §2.2 h). Needs the extra `pdf`."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pali3kit.config.paths import protocol
from pali3kit.data.annotated import WORDS, AnnotatedSource
from pali3kit.data.reader import Files, require_path
from pali3kit.data.record import Record, Word
from pali3kit.data.visible import walk
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.storage.cache import local_copies
from pali3kit.storage.patterns import remote_files

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

T = TypeVar("T")


class _PdfReader(Files):
    """Every page of every `.pdf` below a folder. A page's text is in the order of the file, which is nearly always the
    reading order; scanned pages have none.

    Documents that cannot be opened are listed in `damages`.

    Args:
        path: the folder, or one document.
        pages: how many pages of a document to use at most, from its beginning.
        pixels: longer side of a rendered page.
    """

    def __init__(self, path: str, pages: int = 20, pixels: int = 1024) -> None:
        files = _documents(path)
        if not files:
            raise DataError(f"there is no .pdf below {path}")
        super().__init__(*files)
        self.pages, self.pixels, self.root = pages, pixels, path

    @cached_property
    def _indexed(self) -> tuple[list[tuple[Path, int]], list[str]]:
        """File and number of each page, and the errors of documents that cannot be opened."""
        found: list[tuple[Path, int]] = []
        errors = []
        for file in self.files:
            try:
                count = _with(file, len)
                found += [(file, page) for page in range(min(count, self.pages))]
            except DataError as error:
                errors.append(str(error))
        if not found:
            raise DataError(f"no document below {self.root} can be read: " + "; ".join(errors[:3]))
        return found, errors

    @property
    def damages(self) -> Sequence[str]:
        """Empty until the first page is asked for, which opens all documents."""
        return self._indexed[1] if "_indexed" in self.__dict__ else []

    def __len__(self) -> int:
        return len(self._indexed[0])

    def record(self, number: int) -> Record:
        file, page = self._indexed[0][number]
        name = f"{file}: page {page + 1}"
        text = _with(file, partial(_text, page=page), name)
        return Record(name, partial(_with, file, self._render(page), name), words=tuple(map(Word, text.split())))

    def _render(self, page: int) -> Callable[[PdfDocument], bytes]:
        return partial(_png, page=page, pixels=self.pixels)


def _documents(path: str) -> Sequence[Path]:
    """The document at a path, or all below it, sorted; those behind a URL are copied to the cache."""
    if protocol(path):
        return local_copies([file for file in remote_files(path, "") if file.suffix.lower() == ".pdf"])
    root = Path(path).expanduser()
    if root.is_file():
        return [root]
    below = (Path(folder, name) for folder, names in walk(require_path(path, "folder")) for name in names)
    return sorted(file for file in below if file.suffix.lower() == ".pdf")


def _with(file: Path, use: Callable[[PdfDocument], T], where: str = "") -> T:
    """Open a document and return `use(document)`. Raises DataError for one that is damaged, encrypted or empty."""
    try:
        import pypdfium2
    except ImportError as error:
        raise DataError("source 'pdf' needs pypdfium2: pip install 'pali3kit[pdf]'") from error
    try:
        document = pypdfium2.PdfDocument(os.fspath(file))
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"{file}: not a readable PDF: {error}") from error
    try:
        return use(document)
    except Exception as error:  # as above; a page of width 0 raises ZeroDivisionError
        raise DataError(f"{where or file}: {type(error).__name__}: {error}") from error
    finally:
        document.close()


def _text(document: PdfDocument, page: int) -> str:
    return str(document[page].get_textpage().get_text_bounded())


def _png(document: PdfDocument, page: int, pixels: int) -> bytes:
    """A page rendered to PNG bytes, its longer side `pixels` long."""
    rendered = document[page].render(scale=pixels / max(document[page].get_size()))
    file = io.BytesIO()
    rendered.to_pil().save(file, "png", compress_level=1)
    return file.getvalue()


@SOURCE.register(
    "pdf",
    "rendered pages of a folder of PDFs, with their text",
    annotations=("words",),
    files=("path", "test"),
    needs=("pypdfium2",),
)
def _create(
    path: str, pages: int = 20, pixels: int = 1024, words: int = WORDS, test: str | None = None, image_size: int = 0
) -> AnnotatedSource:
    """The registry's `pdf`: the first `pages` of each document, their longer side `pixels` long.

    The task ocr asks for at most `words` of a page.
    """
    held = _PdfReader(test, pages, pixels) if test else None
    return AnnotatedSource(_PdfReader(path, pages, pixels), held, words=words)
