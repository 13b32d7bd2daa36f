"""The command `predict`: an answer for each line of a JSON lines file. One that was killed continues."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from pali3kit.commands.command import UsageError
from pali3kit.data.fields import field, json_of, mapping, typed
from pali3kit.durable import partial_name, publish_file, remove_partials, removed_on_failure
from pali3kit.errors import DataError, Pali3Error
from pali3kit.text.plain import stream_lines

if TYPE_CHECKING:
    from pali3kit.inference.pali import PaLI

_WINDOW = 128  # lines that are read, answered in batches, and written at a time; the largest batch has as many images
_INTERVAL = 10.0  # seconds between reports of progress
_SHOWN = 20  # lines without an answer that are listed at the end
_ADDED = {"prediction", "error", "model"}
_TEXTS = ("prompt", "question", "task")


@dataclass(frozen=True)
class _Line:
    """A line of the file: what is kept of it, and what is asked, or why nothing can be.

    `where` is its `file:line`, `kind` one of `_TEXTS`.
    """

    where: str
    fields: Mapping[str, object]
    images: tuple[Path, ...] = ()
    kind: str = ""
    text: str = ""
    language: str = "en"
    error: str = ""

    def row(self, model: str, prediction: str, error: str) -> str:
        """The line of the answer."""
        added = {"error": error} if error else {"prediction": prediction}
        return _written({**_kept(self.fields), **added, "model": model}) + "\n"

    def is_answered_by(self, row: Mapping[str, object]) -> bool:
        """Whether a line of the answers has the fields of this one."""
        return _written(_kept(self.fields)) == _written(_kept(row))


@dataclass
class Predictions:
    """The lines of `source`, and the file `out`, with an answer or an error for each of the first `done`.

    `model` names in each line of `out` what answered. A line with an error is asked again, whatever it asked before.

    Raises UsageError where `out` has answers of another model, or to other lines.
    """

    source: Path
    out: Path
    model: str

    def __post_init__(self) -> None:
        self.total = sum(1 for data in stream_lines(self.source) if data.strip())
        self._errors: dict[int, str] = {}  # by line of `out`, from 0
        self._again: set[int] = set()
        self.done, size = 0, 0
        lines = _read(self.source)
        if not self.out.exists():
            return
        with self.out.open("rb") as file:
            for data in file:
                if not data.endswith(b"\n"):
                    self._require_half(data, next(lines, None))
                    break
                self._take(data, next(lines, None))
                size += len(data)
        os.truncate(self.out, size)

    @property
    def left(self) -> int:
        """How many lines are to be asked; those with an error that asking cannot change are not."""
        return self.total - self.done + len(self._again)

    @property
    def failures(self) -> list[str]:
        """Why lines have no answer, in their order."""
        return [self._errors[number] for number in sorted(self._errors)]

    def _require_half(self, data: bytes, line: _Line | None) -> None:
        """Raise UsageError unless `data` may be half of the answer to `line`, being written as the process ended."""
        begin = b"" if line is None else _written(_kept(line.fields))[:-1].encode()
        if line is None or not (begin.startswith(data) or data.startswith(begin + b', "')):
            raise UsageError(f"{self.out} ends with no answer to a line of {self.source}: choose another --out.")

    def _take(self, data: bytes, line: _Line | None) -> None:
        """Count a line of `out` as done."""
        number, self.done = self.done, self.done + 1
        where = f"{self.out}:{self.done}"
        row = mapping(json_of(data, where), where)
        if row.get("model") != self.model:
            raise UsageError(f"{where} is an answer of {row.get('model')}, not of {self.model}: choose another --out.")
        if line is None or ("error" not in row and not line.is_answered_by(row)):
            raise UsageError(f"{where} answers no such line of {self.source}: choose another --out.")
        if "error" in row:
            self._errors[number] = str(row["error"])
            if line.error != row["error"]:
                self._again.add(number)

    def make(self, pali: PaLI, checkpoint: str | None) -> None:
        """Answer the lines that are left, then those that had an error. What cannot be answered gets an `error`."""
        told = _told(self.left)
        lines = islice(enumerate(_read(self.source)), self.done, None)
        with self.out.open("a", encoding="utf-8") as file:
            for rows in self._asked(lines, pali, checkpoint):
                file.writelines(rows.values())
                file.flush()
                os.fsync(file.fileno())
                self.done += len(rows)
                told(len(rows))
        self._ask_again(pali, checkpoint, told)

    def _asked(
        self, lines: Iterator[tuple[int, _Line]], pali: PaLI, checkpoint: str | None
    ) -> Iterator[dict[int, str]]:
        """The lines of `out`, by their number, for numbered lines of `source`, a window at a time."""
        while window := list(islice(lines, _WINDOW)):
            rows: dict[int, str] = {}
            answers = _answers(pali, [line for _, line in window], checkpoint)
            for (number, line), (prediction, error) in zip(window, answers, strict=True):
                rows[number] = line.row(self.model, prediction, error)
                self._errors.pop(number, None)
                self._errors |= {number: error} if error else {}
            yield rows

    def _ask_again(self, pali: PaLI, checkpoint: str | None, told: Callable[[int], None]) -> None:
        """Ask the lines that had an error, and write their answers in place: after each window, or, as the file is
        written as a whole, so often that it takes a tenth of the time, and when it is interrupted.
        """
        lines = ((number, line) for number, line in enumerate(_read(self.source)) if number in self._again)
        found, due = dict[int, str](), monotonic()
        try:
            for rows in self._asked(lines, pali, checkpoint):
                found |= rows
                told(len(rows))
                if (begin := monotonic()) >= due:
                    self._replace(found)
                    found, due = {}, monotonic() + 9 * (monotonic() - begin)
        finally:
            self._replace(found)
        self._again.clear()

    def _replace(self, rows: Mapping[int, str]) -> None:
        """Write `out` with other lines of some numbers. It is the old file or the new one, whenever it is read."""
        if not rows:
            return
        out = self.out.resolve()
        remove_partials(out.parent, out.name)
        partial = partial_name(out)
        with removed_on_failure(partial):
            with out.open("rb") as old, partial.open("wb") as new:
                new.writelines(rows[n].encode() if n in rows else data for n, data in enumerate(old))
            shutil.copymode(out, partial)
            publish_file(partial, out)

    def summary(self) -> str:
        """How many lines have no answer, and why the first of them."""
        more = len(self.failures) - _SHOWN
        listed = [*self.failures[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        answered = f"{self.out}: {self.done - len(self.failures)} of {self.total} lines answered"
        return "\n".join(
            [
                *listed,
                f"{answered}, {len(self.failures)} with an error, which the same command asks again."
                if listed
                else f"{answered}.",
            ]
        )


def _told(total: int) -> Callable[[int], None]:
    """A function that is told how many more lines were asked, and now and then prints the progress."""
    begin = last = monotonic()
    done = 0

    def tell(more: int) -> None:
        nonlocal done, last
        done += more
        if (now := monotonic()) > last + _INTERVAL:
            last = now
            print(f"{done} of {total} lines, about {(now - begin) / done * (total - done):.0f} s left", file=sys.stderr)

    return tell


def _kept(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name not in _ADDED}


def _written(fields: Mapping[str, object]) -> str:
    """JSON that UTF-8 can write: JSON may hold lone surrogates."""
    return json.dumps(fields, ensure_ascii=False).encode(errors="replace").decode()


def _read(source: Path) -> Iterator[_Line]:
    """The lines that are not blank. Paths of images are relative to the file's folder."""
    for number, data in enumerate(stream_lines(source), start=1):
        if not data.strip():
            continue
        where, fields = f"{source}:{number}", dict[str, object]()
        try:
            fields = {"line": number}  # all that is known of a line that is no JSON
            fields = dict(mapping(json_of(data, where), where))
            yield _asked(where, fields, source.parent)
        except DataError as error:
            yield _Line(where, fields, error=str(error))


def _asked(where: str, fields: Mapping[str, object], folder: Path) -> _Line:
    """What a line asks. Raises DataError where it is not clear."""
    kinds = [name for name in _TEXTS if name in fields]
    if len(kinds) != 1:
        told = f"it has {' and '.join(kinds)}" if kinds else "it has none"
        raise DataError(f"{where}: a line needs one of 'prompt', 'question' and 'task': {told}.")
    text = field(fields, kinds[0], str, where)
    if kinds[0] == "task" and text != "caption":
        raise DataError(f"{where}: 'task' can be 'caption' alone, not '{text}': ask by 'question' or 'prompt'.")
    if "images" in fields:
        names = [typed(each, str, f"{where}: an item of 'images'") for each in field(fields, "images", list, where)]
    else:
        names = [field(fields, "video" if "video" in fields else "image", str, where)]
    language = typed(fields.get("language", "en"), str, f"{where}: 'language'")
    return _Line(where, fields, tuple(folder / name for name in names), kinds[0], text, language)


def _answers(pali: PaLI, lines: Sequence[_Line], checkpoint: str | None) -> list[tuple[str, str]]:
    """The answer to each line, and why there is none, one of them empty."""
    answers = [("", line.error) for line in lines]
    groups: dict[tuple[str, str, int], list[int]] = {}
    for number, line in enumerate(lines):
        if not line.error:
            groups.setdefault((line.kind, line.language, len(line.images)), []).append(number)
    for numbers in groups.values():
        for number, answer in zip(numbers, _bisected(pali, [lines[n] for n in numbers], checkpoint), strict=True):
            answers[number] = answer
    return answers


def _bisected(pali: PaLI, group: Sequence[_Line], checkpoint: str | None) -> list[tuple[str, str]]:
    """As `_answers`, of lines of one kind. An image that cannot be read fails a batch, which is then halved."""
    try:
        return [(text, "") for text in _asked_together(pali, group, checkpoint)]
    except Pali3Error as error:
        if len(group) == 1:
            reason = re.sub(r"^images\[0\](\[\d+\])?: ", "", str(error))
            return [("", f"{group[0].where}: {reason}")]
    half = len(group) // 2
    return [each for part in (group[:half], group[half:]) for each in _bisected(pali, part, checkpoint)]


def _asked_together(pali: PaLI, group: Sequence[_Line], checkpoint: str | None) -> list[str]:
    from pali3kit.inference.checkpoints import STAGE_1

    kind, language = group[0].kind, group[0].language
    images: list[Any] = [line.images[0] if len(line.images) == 1 else line.images for line in group]
    texts = [line.text for line in group]
    if kind == "question":
        return pali.ask(images, texts, language=language, checkpoint=checkpoint)
    if kind == "task":
        return pali.caption(images, language=language, checkpoint=checkpoint)
    return pali.generate(images, texts, checkpoint=checkpoint or STAGE_1)
