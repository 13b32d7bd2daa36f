"""JSON lines: an object on each line, with a text among its fields."""

from __future__ import annotations

import json
from functools import partial

from pali3kit.data.lines import LineSource


class JsonlSource(LineSource):
    """The registry's `jsonl`.

    Args:
        path: a `.jsonl` file, a folder of them, or a glob.
        field: the field that holds the text.
    """

    def __init__(self, path: str, field: str = "text") -> None:
        super().__init__(path, ".jsonl", partial(read_field, field=field))


def read_field(line: bytes, field: str) -> str:
    """The text in `field` of an object; empty for a blank line. Raises ValueError where there is none, saying why."""
    if not line.strip():
        return ""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"no object, but {type(record).__name__}")
    if field not in record:
        raise ValueError(f"no field '{field}', but {', '.join(sorted(record)) or 'none at all'}")
    text = record[field]
    if not isinstance(text, str):
        raise ValueError(f"'{field}' is no text, but {type(text).__name__}")
    return text
