"""Text files to train a tokenizer on: a sentence on each line, plain or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pali3kit.errors import DataError, nearest
from pali3kit.text.plain import json_in, stream_lines, writable


def read_sentences(paths: Iterable[Path], field: str = "text") -> Iterator[str]:
    """The lines of all files, packed or not, in order; of a `.jsonl` file, those of each object's `field`.

    Raises:
        DataError: a file cannot be read, or a line is no UTF-8 or no JSON with such a text; it names file and line.
    """
    for path in paths:
        objects = ".jsonl" in path.suffixes  # perhaps packed: a.jsonl.gz
        for number, line in enumerate(stream_lines(path), start=1):
            try:
                text = line.decode("utf-8-sig")
                text = read_field(text, field) if objects else text
            except ValueError as error:
                raise DataError(f"{path}:{number}: {error}") from error
            yield from map(writable, text.splitlines())


def read_field(line: str | bytes, field: str) -> str:
    """The text in `field` of a line's JSON object; nothing of a blank line. Raises ValueError saying what is wrong."""
    if not line.strip():
        return ""
    record = json_in(line)
    if not isinstance(record, dict):
        raise ValueError(f"no object, but {type(record).__name__}")
    if field not in record:
        hint = nearest(field, record)
        raise ValueError(f"no field '{field}', but {', '.join(sorted(record)) or 'none at all'}{hint and '.' + hint}")
    text = record[field]
    if not isinstance(text, str):
        raise ValueError(f"'{field}' is no text, but {type(text).__name__}")
    return text
