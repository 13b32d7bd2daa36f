"""JSON lines: an object on each line, with a text among its fields."""

from __future__ import annotations

from functools import partial

from pali3kit.data.lines import LineSource
from pali3kit.registry import SOURCE
from pali3kit.text.plain import read_field


@SOURCE.register("jsonl", "JSON lines with a text among their fields", annotations=(), files=("path",))
class JsonlSource(LineSource):
    """The registry's `jsonl`; one text in a hundred is held out.

    Args:
        path: a `.jsonl` file, a folder of them, or a glob.
        field: name of the field that holds the text.
    """

    def __init__(self, path: str, field: str = "text") -> None:
        super().__init__(path, ".jsonl", partial(read_field, field=field))
