"""Captions in .txt and .json beside an image: what their writers mean."""

from __future__ import annotations

import json

import pytest

from pali3kit.data.beside import read_captions
from pali3kit.errors import DataError


def captions(txt: bytes | None = None, told: object = None) -> tuple[str, ...]:
    files = {"txt": txt, "json": None if told is None else json.dumps(told).encode()}
    return read_captions(files.__getitem__, "0.tar: sample 7")


@pytest.mark.parametrize(
    ("txt", "told", "right"),
    [
        (b"a cat", None, ("a cat",)),
        ("\ufeffa  cat\r\n".encode(), None, ("a cat",)),
        ("a cat".encode("utf-16"), None, ("a cat",)),
        (b"a cat\n\na dog sits\n", None, ("a cat", "a dog sits")),  # CLIP_benchmark
        (b"a cat\nsits", {"caption": "a cat\nsits"}, ("a cat sits",)),  # img2dataset
        (b"a cat\nsits", {"caption": "something else"}, ("a cat", "sits")),
        (b"recaptioned", {"caption": "alt text"}, ("recaptioned",)),  # open_clip reads the .txt
        (b" \n", {"caption": "from json"}, ("from json",)),
        ("a cat\u2028on\x0ba\x85mat\r\ufeffa dog".encode(), None, ("a cat on a mat", "a dog")),  # where a line ends
        (None, {"caption": ["a cat", " ", "a mat"]}, ("a cat", "a mat")),
        (None, {"captions": ["a cat"]}, ("a cat",)),
        (None, {"caption": None, "text": "a cat"}, ("a cat",)),
        (None, {"caption": "a cut emoji \ud83d"}, ("a cut emoji ?",)),
        (None, {"caption": " "}, ()),
        (None, {"width": 7}, ()),
        (None, None, ()),
    ],
)
def test_right_captions(txt: bytes | None, told: object, right: tuple[str, ...]) -> None:
    assert captions(txt, told) == right


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"caption": {"en": "a cat"}}, "'caption' should be a text or a list of texts, not a mapping"),
        ({"caption": 7}, "not the number 7"),
        ({"caption": True}, "not true"),
        ({"caption": float("nan")}, "not the number nan"),
        ({"captions": ["a cat", 7]}, r"'captions\[1\]' should be a text, not the number 7"),
        (["a cat"], "this should be a mapping, not a list"),
    ],
)
def test_what_is_no_text_is_no_caption(told: object, complaint: str) -> None:
    with pytest.raises(DataError, match=rf"0\.tar: sample 7: \.json: .*{complaint}"):
        captions(None, told)


def test_what_cannot_be_read_is_told() -> None:
    for txt, data in ((b"\x1f\x8b\x08\0", None), (None, b"[" * 100_000), (None, b"{"), (None, b"\xff{}")):
        with pytest.raises(DataError, match=r"0\.tar: sample 7: \.(txt|json): "):
            read_captions({"txt": txt, "json": data}.__getitem__, "0.tar: sample 7")
