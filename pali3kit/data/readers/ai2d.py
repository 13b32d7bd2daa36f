"""AI2D: multiple-choice questions about diagrams, some of which have letters in place of their words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from PIL.Image import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, mapping, nonblank, numbers, read_json, typed
from pali3kit.data.lines import find_files
from pali3kit.data.reader import image_folder, image_in, require_path
from pali3kit.data.readers.skipped import SkippingFiles, require_any_valid, valid_or_raise
from pali3kit.data.readers.vqa_questions import with_options
from pali3kit.data.record import Asked, Record
from pali3kit.errors import DataError
from pali3kit.images.drawing import Letter, write_letters
from pali3kit.registry import SOURCE
from pali3kit.storage.remote import AnyPath

ENDING = ".png.json"


class _Entry(NamedTuple):
    """A diagram, with letters or without, and its questions."""

    diagram: str
    letters: bool
    questions: tuple[Asked, ...]


class _Ai2dReader(SkippingFiles):
    """Questions about diagrams: `questions/<n>.png.json`: `{text: answerTexts[], correctAnswer, abcLabel}`

    Numbers of the test diagrams are in `test_ids`, one a line. A question lists its options as "(a) fox (b) hare"; its
    answer is the text of the right one. Where `abcLabel` is true, all texts of the diagram are replaced by letters:
    `annotations/<n>.png.json` has `text: {id: rectangle, replacementText}`. They are written on white if `masked`. A
    record is a diagram with all its questions of a kind or, for the split `test`, with one.
    """

    languages = ()

    def __init__(self, path: str, test_ids: str, split: str, masked: bool) -> None:
        self.folder, self.test_ids = image_folder(path), require_path(test_ids)
        folders = (image_folder(str(self.folder / name)) for name in ("questions", "annotations"))
        files = [find_files(str(folder), ENDING) for folder in folders]
        super().__init__(*files[0], *files[1], self.test_ids)
        self.split, self.masked, self._questions = split, masked, files[0]

    @cached_property
    def entries(self) -> list[_Entry | DataError]:
        """The diagrams of the split; a DataError in place of one with a malformed question."""
        test = {line.strip() for line in self.test_ids.read_text(encoding="utf-8-sig", errors="replace").splitlines()}
        before, found = self.skipped.num_errors, list[_Entry | DataError]()
        if self.split == "test":
            for number in sorted(test - set(map(_number, self._questions)) - {""}):
                self.skipped.note("a number of a test diagram without questions", f"{self.test_ids}: {number[:40]}")
        ours = [file for file in self._questions if (_number(file) in test) == (self.split == "test")]
        for file in ours:
            try:
                content = mapping(read_json(file), str(file))
                found += self._of_diagram(content, file)
            except DataError as error:
                self.skipped.add_error(error)
        self.skipped.check_share(before, len(ours))
        return require_any_valid(found, f"{self.folder}: no question on the {self.split} diagrams of {self.test_ids}")

    def _of_diagram(self, content: Mapping[str, object], file: Path) -> Iterator[_Entry | DataError]:
        asked: dict[tuple[bool, int], list[Asked]] = {}
        name = _number(file)
        for text, (where, entry) in self.skipped.mapping_items(content, "questions", str(file)):
            try:
                letters = field(entry, "abcLabel", bool, where)
                kind = letters, len(asked) if self.split == "test" else 0
                asked.setdefault(kind, []).append(_asked(text, entry, where))
            except DataError as error:
                yield error
        yield from (_Entry(name, letters, tuple(questions)) for (letters, _), questions in asked.items())

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        name, letters, questions = valid_or_raise(self.entries[number])
        return Record(
            f"{self.folder}: diagram {name}",
            image_in(self.folder / "images", f"{name}.png"),
            questions=questions,
            edit=partial(self._lettered, name=name) if letters else None,
        )

    def _lettered(self, image: Image, name: str) -> Image:
        return write_letters(image, _letters(self.folder / "annotations" / f"{name}{ENDING}"), self.masked)


def _number(file: Path) -> str:
    return file.name.removesuffix(ENDING)


def _asked(text: str, entry: Mapping[str, object], where: str) -> Asked:
    what = f"{where}: 'answerTexts'"
    options = [typed(option, str, what).strip() for option in field(entry, "answerTexts", list, where)]
    right = field(entry, "correctAnswer", int, where)
    if not 0 <= right < len(options) <= 26 or not options[right]:
        raise DataError(f"{where}: 'correctAnswer' {right} is none of the {len(options)} 'answerTexts'.")
    number = entry.get("questionId")
    return Asked(with_options(text, options), (options[right],), id=number if isinstance(number, str) else None)


def _letters(file: AnyPath) -> Sequence[Letter]:
    """The letters of a diagram, and the boxes of the texts that they replace."""
    content = mapping(read_json(require_path(str(file))), str(file))
    found = []
    for key, value in field(content, "text", dict, str(file)).items():
        where = f"{file}: text[{key}]"
        entry = mapping(value, where)
        corners = field(entry, "rectangle", list, where)
        points = [numbers(corner, 2, f"{where}: 'rectangle'") for corner in corners]
        if len(points) != 2 or any(low > high for low, high in zip(*points, strict=True)):
            raise DataError(f"{where}: 'rectangle' should be the left top and right bottom corners, not {points}.")
        (x0, y0), (x1, y1) = points
        found.append(Letter(nonblank(entry, "replacementText", where), (x0, y0, x1, y1)))
    return found


@SOURCE.register(
    "ai2d",
    "multiple-choice questions about diagrams: AI2D",
    annotations=("questions",),
    files=("test",),
    folders=("path",),
)
def _create(path: str, test: str, masked: bool = True, image_size: int = 0) -> AnnotatedSource:
    """The registry's `ai2d`: the folder with `questions`, `annotations` and `images`; `test` lists test diagrams.

    `masked`: whether letters are written on white, not over the words.
    """
    return AnnotatedSource(_Ai2dReader(path, test, "train", masked), _Ai2dReader(path, test, "test", masked))
