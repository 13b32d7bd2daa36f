"""Plain text files as a source."""

from __future__ import annotations

from pali3kit.data.lines import LineSource
from pali3kit.registry import SOURCE


@SOURCE.register("text", "text files, a sentence or paragraph on each line", annotations=(), files=("path",))
class TextSource(LineSource):
    """The registry's `text`: UTF-8, a sentence or paragraph on each line; bytes that are not UTF-8 become U+FFFD.

    One text in a hundred is held out.

    Args:
        path: a `.txt` file, a folder of them, or a glob.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, ".txt", _decode)


def _decode(line: bytes) -> str:
    """The text of a line, without a byte order mark."""
    return line.decode(errors="replace").removeprefix("\ufeff")
