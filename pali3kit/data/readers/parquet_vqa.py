"""Parquet tables of questions about images, as the hub's mirrors of benchmarks publish them. Needs `parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import shown, typed
from pali3kit.data.readers.parquet_files import ParquetFiles, ParquetRow
from pali3kit.data.readers.vqa_questions import by_frequency, with_options
from pali3kit.data.record import Asked, Record
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

FIELDS = ("question", "answer", "options", "group", "id")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class _QuestionsReader(ParquetFiles):
    """Rows with an image (`ParquetFiles`) and a question, or a list of them; `columns` names the column of each field:

    - `question`: a text, or a list of them. Then the other fields are lists of as many.
    - `answer`: a text or a whole number, or a list of texts, or of mappings with an `answer`, one for each annotator.
    - `options`: of a multiple-choice question, which then lists them. The answer is the right one's number from 0, if
      all answers are numbers, or its text or letter.
    - `group`: the part of the data set. `groups` maps its values, true and false too, to names of groups.
    - `id`: the question's number or name.

    `questions.text` is the field `text` of the column `questions`, of each of a list. A record is a row with all its
    questions or, for the split `test`, with one. A test split where no row has an answer, as servers test on, can be
    answered and not scored.
    """

    languages = ()

    def __init__(
        self,
        path: str,
        columns: Mapping[str, str],
        groups: Mapping[str, str] | None = None,
        images: str | None = None,
        language: str = "en",
        split: str = "train",
    ) -> None:
        super().__init__(path, images, columns, FIELDS)
        self.groups, self.language, self.split = groups, language, split
        needed = ("question",) if split == "test" else ("question", "answer")
        for name in needed:
            if name not in columns:
                raise DataError(f"columns: no column for '{name}'.{choose(name, columns)}")

    @cached_property
    def _places(self) -> np.ndarray:
        """The row and the number of each record's question, int64 `[records, 2]`."""
        counts = [self._count(self.row(number)) if self.split == "test" else 1 for number in range(self.num_rows)]
        rows = np.repeat(np.arange(len(counts)), counts)
        return np.stack([rows, np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)], axis=1)

    def _count(self, row: ParquetRow) -> int:
        """How many questions a row has; a malformed one is one record, whose error tells it."""
        try:
            asked = self.value(row, self.columns["question"])
        except DataError:
            return 1
        return max(1, len(asked)) if isinstance(asked, list) else 1

    @cached_property
    def _hidden(self) -> bool:
        """Whether no row of a test split has an answer."""
        if self.split != "test" or "answer" not in self.columns:
            return self.split == "test"
        return next(self._told(), None) is None

    @cached_property
    def _numbered(self) -> bool:
        """Whether all answers are numbers, as those of options: where others are texts, so is a number."""
        return all(answer.isascii() and answer.isdigit() for answer in self._told())

    def _told(self) -> Iterator[str]:
        """All answers that are not blank."""
        for number in range(self.num_rows):
            with suppress(DataError):  # a malformed cell is its record's error
                yield from _texts(self.value(self.row(number), self.columns["answer"]))

    def __len__(self) -> int:
        return len(self._places)

    def record(self, number: int) -> Record:
        place, question = (int(value) for value in self._places[number])
        row = self.row(place)
        asked = tuple(self._asked(row))
        if not asked:
            raise DataError(f"{self._what(row.name, 'question')} is an empty list.")
        chosen = asked[question : question + 1] if self.split == "test" else asked
        return Record(row.name, self.reader_of_image(row), questions=chosen)

    def _asked(self, row: ParquetRow) -> Iterator[Asked]:
        """The questions of a row."""
        cells = {name: self.value(row, self.columns[name]) for name in FIELDS if name in self.columns}
        asked = cells["question"]
        if not isinstance(asked, list):
            yield self._question(cells, row.name)
            return
        for name, cell in cells.items():
            if name == "answer" and self._hidden:
                continue
            if (length := len(typed(cell, list, self._what(row.name, name)))) != len(asked):
                raise DataError(f"{self._what(row.name, name)} has {length} items for {len(asked)} questions.")
        for number in range(len(asked)):
            each = {name: cell[number] if isinstance(cell, list) else None for name, cell in cells.items()}
            yield self._question(each, f"{row.name}: question {number}")

    def _what(self, where: str, name: str) -> str:
        """What errors call a cell."""
        return f"{where}: '{self.columns[name]}'"

    def _question(self, cells: Mapping[str, object], where: str) -> Asked:
        text = typed(cells["question"], str, self._what(where, "question"))
        answers = () if self._hidden else by_frequency(self._answers(cells["answer"], where))
        if not text.strip():
            raise DataError(f"{self._what(where, 'question')} is blank.")
        if not self._hidden and not (answers and answers[0]):
            raise DataError(f"{self._what(where, 'answer')} should hold an answer that is not empty.")
        if "options" in cells:
            what = self._what(where, "options")
            options = [typed(each, str, what).strip() for each in typed(cells["options"], list, what)]
            answers = tuple(self._right(answer, options, where) for answer in answers)
            text = with_options(text, options)
        return Asked(text, answers, self.language, self._group(cells, where), self._id(cells, where), self._hidden)

    def _answers(self, cell: object, where: str) -> list[str]:
        cell = cell.get("answer") if isinstance(cell, Mapping) else cell
        found = []
        for each in cell if isinstance(cell, list) else [cell]:
            value = each.get("answer") if isinstance(each, Mapping) else each
            if not isinstance(value, str | int) or isinstance(value, bool):
                what = self._what(where, "answer")
                raise DataError(f"{what} should be a text, a whole number, or a list of them, not {shown(value)}.")
            found.append(str(value).strip())
        return found

    def _right(self, answer: str, options: Sequence[str], where: str) -> str:
        """The option that an answer is: by its number, its text or its letter."""
        if self._numbered and int(answer) < len(options):
            return options[int(answer)]
        if answer in options:
            return answer
        if len(answer) == 1 and answer in LETTERS[: len(options)]:
            return options[LETTERS.index(answer)]
        raise DataError(f"{self._what(where, 'answer')} {answer[:40]} is none of the {len(options)} options.")

    def _group(self, cells: Mapping[str, object], where: str) -> str:
        if "group" not in cells:
            return ""
        value, what = cells["group"], self._what(where, "group")
        name = str(value).lower() if isinstance(value, bool) else str(value)
        if self.groups is None:
            return typed(value, str, what)
        if name not in self.groups:
            raise DataError(f"{what} {name[:40]} is no key of `groups`.{choose(name, self.groups)}")
        return self.groups[name]

    def _id(self, cells: Mapping[str, object], where: str) -> int | str | None:
        value = cells.get("id")
        if value is not None and (not isinstance(value, int | str) or isinstance(value, bool)):
            raise DataError(f"{self._what(where, 'id')} should be a number or a text, not {shown(value)}.")
        return value


def _texts(cell: object) -> Iterator[str]:
    """The answers in a cell that are not blank."""
    if isinstance(cell, Mapping):
        yield from _texts(cell.get("answer"))
    elif isinstance(cell, list):
        yield from chain.from_iterable(map(_texts, cell))
    elif cell is not None and str(cell).strip():
        yield str(cell).strip()


@SOURCE.register(
    "parquet_vqa",
    "questions in Parquet files, as the hub's mirrors of benchmarks",
    annotations=("questions",),
    files=("path", "test"),
    folders=("images", "test_images"),
    needs=("pyarrow",),
    extra="parquet",
)
def _create(
    path: str,
    columns: dict[str, str],
    groups: dict[str, str] | None = None,
    images: str | None = None,
    language: str = "en",
    test: str | None = None,
    test_images: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `parquet_vqa`: questions with image bytes, or with paths of files in `images`.

    `columns` names the columns of `question`, `answer`, `options`, `group`, `id` and `image`; `groups` the groups that
    values of `group` stand for.
    """
    held = _QuestionsReader(test, columns, groups, test_images or images, language, "test") if test else None
    return AnnotatedSource(_QuestionsReader(path, columns, groups, images, language), held)
