"""Captions in a `.txt` or `.json` beside an image, as img2dataset, open_clip and CLIP_benchmark write them."""

from __future__ import annotations

from collections.abc import Callable

from pali3kit.data.fields import json_of, mapping, shown, typed
from pali3kit.data.record import nonblank_lines
from pali3kit.errors import DataError
from pali3kit.text.plain import decode_text, one_line, split_lines

FIELDS = ("caption", "captions", "text")


def read_captions(read: Callable[[str], bytes | None], where: str) -> tuple[str, ...]:
    """The captions in an image's `txt`, one on each line, else those in its `json`.

    img2dataset writes one caption into both files. One with line breaks is several lines in the `txt` and one text in
    the `json`, which then decides.

    Args:
        read: from a file's ending to its content, or None where there is no such file.
        where: what errors call the image.

    Raises:
        DataError: the `txt` is not text, or the `json` is not a mapping with texts.
    """
    written = _written(read("txt"), f"{where}: .txt")
    if len(written) == 1:
        return written
    captions = _in_json(read("json"), f"{where}: .json")
    return captions if not written or captions == (one_line(" ".join(written)),) else written


def _written(data: bytes | None, where: str) -> tuple[str, ...]:
    try:
        return nonblank_lines(split_lines(decode_text(data or b"")))
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error


def _in_json(data: bytes | None, where: str) -> tuple[str, ...]:
    """The captions of a mapping: those of the first of `FIELDS` that has some, a text or a list of texts."""
    known = mapping(json_of(data, where), where) if data is not None else {}
    for name in FIELDS:
        value = known.get(name)
        if value is not None and not isinstance(value, str | list):
            raise DataError(f"{where}: '{name}' should be a text or a list of texts, not {shown(value)}.")
        texts = value if isinstance(value, list) else [value or ""]
        if found := nonblank_lines(typed(text, str, f"{where}: '{name}[{i}]'") for i, text in enumerate(texts)):
            return found
    return ()
