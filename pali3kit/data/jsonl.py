"""JSON lines: an object on each line, with a text among its fields."""

from __future__ import annotations

from functools import partial

from pali3kit.data.lines import LineSource
from pali3kit.text.corpus import read_field


class JsonlSource(LineSource):
    """The registry's `jsonl`.

    Args:
        path: a `.jsonl` file, a folder of them, or a glob.
        field: the field that holds the text.
    """

    def __init__(self, path: str, field: str = "text") -> None:
        super().__init__(path, ".jsonl", partial(read_field, field=field))
