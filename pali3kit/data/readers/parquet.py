"""Parquet tables of captions and images, as LAION, COYO, img2dataset and mirrors of data sets write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import shown
from pali3kit.data.readers.parquet_files import ParquetFiles, ParquetRow
from pali3kit.data.record import Record, nonblank_lines
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE
from pali3kit.storage.remote import AnyPath

CAPTIONS = ("caption", "captions", "TEXT", "text", "alt_text", "title")


class _ParquetReader(ParquetFiles):
    """Rows with an image (`ParquetFiles`) and a caption or a list of them, in a column `caption`, `captions`, `TEXT`,
    `text`, `alt_text` or `title`.

    `columns` may name other columns for `caption`, `image` and `id`, the image's number or name. In the split `test`,
    rows that all have no caption, as servers test on, can be answered and not scored.
    """

    def __init__(
        self,
        path: str,
        images: str | None = None,
        language: str = "en",
        columns: Mapping[str, str] | None = None,
        split: str = "train",
    ) -> None:
        super().__init__(path, images, columns, ("caption", "id"))
        self.language, self.split = language, split

    def check(self, file: AnyPath, names: Sequence[str]) -> None:
        super().check(file, names)
        self._column(file, names)

    def _column(self, file: AnyPath, names: Sequence[str]) -> str:
        wanted = (self.columns["caption"],) if "caption" in self.columns else CAPTIONS
        found = next((name for name in wanted if name in names or name.partition(".")[0] in names), None)
        if found is None:
            raise DataError(f"{file}: no column 'caption'.{choose('caption', names)}")
        return found

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,)

    @cached_property
    def _hidden(self) -> bool:
        """Whether no row of a test split has a caption."""
        return self.split == "test" and not any(self._cell(self.row(number)) for number in range(self.num_rows))

    def __len__(self) -> int:
        return self.num_rows

    def _cell(self, row: ParquetRow) -> object:
        return self.value(row, self._column(row.file, self.names(row)))

    def record(self, number: int) -> Record:
        row = self.row(number)
        captions = {} if self._hidden else {self.language: self._captions(row)}
        identity = self.value(row, self.columns["id"]) if "id" in self.columns else None
        if identity is not None and not isinstance(identity, int | str):
            raise DataError(f"{row.name}: '{self.columns['id']}' should be a number or a text, not {shown(identity)}.")
        return Record(row.name, self.reader_of_image(row), captions=captions, id=identity, hidden=self._hidden)

    def _captions(self, row: ParquetRow) -> tuple[str, ...]:
        """The texts of a row: one, or those of a list."""
        value, column = self._cell(row), self._column(row.file, self.names(row))
        texts = value if isinstance(value, list) else [value]
        captions = nonblank_lines(text for text in texts if isinstance(text, str))
        if not captions or not all(isinstance(text, str) for text in texts):
            wrong = next((text for text in texts if not isinstance(text, str)), texts[0] if texts else None)
            raise DataError(
                f"{row.name}: '{column}' should be a text that is not empty, or a list of texts, not {shown(wrong)}."
            )
        return captions


@SOURCE.register(
    "parquet",
    "captions in Parquet files, LAION or img2dataset",
    annotations=("captions",),
    files=("path", "test"),
    folders=("images", "test_images"),
    needs=("pyarrow",),
    extra="parquet",
)
def _create(
    path: str,
    images: str | None = None,
    language: str = "en",
    filter: bool = False,
    test: str | None = None,
    test_images: str | None = None,
    columns: dict[str, str] | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `parquet`: captions with image bytes, or with paths or img2dataset keys of files in `images`.

    `filter` drops poor texts. `columns` names the columns of `caption`, `image` and `id`, where they are called
    otherwise.
    """
    held = _ParquetReader(test, test_images or images, language, columns, "test") if test else None
    return AnnotatedSource(_ParquetReader(path, images, language, columns), held, filter)
