"""Text files to train a tokenizer on: a sentence on each line, plain or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pali3kit.errors import DataError, choose


def read_sentences(paths: Iterable[Path], field: str = "text") -> Iterator[str]:
    """The lines of all files, in order; of a `.jsonl` file, those of each object's `field`.

    Raises:
        DataError: a file cannot be read, or a line is no UTF-8 or no JSON with such a text; it names file and line.
    """
    for path in paths:
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    try:
                        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                        yield from (_text(text, field) if path.suffix == ".jsonl" else text).splitlines()
                    except ValueError as error:
                        raise DataError(f"{path}:{number}: {error}") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _text(line: str, field: str) -> str:
    """The text in a line of JSON; a blank line has none. Raises ValueError for any other."""
    if not line.strip():
        return ""
    record: Any = json.loads(line)
    if not isinstance(record, dict) or field not in record:
        raise ValueError(
            f"no object with the field '{field}'.{choose(field, record) if isinstance(record, dict) else ''}"
        )
    text = record[field]
    if not isinstance(text, str):
        raise ValueError(f"the field '{field}' should hold a text, not {json.dumps(text)[:40]}")
    text.encode()  # half a surrogate pair, which JSON may hold, is refused
    return text
