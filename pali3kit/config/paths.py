"""Paths in experiments: `~` is expanded, and names that no file system can hold are refused."""

from __future__ import annotations

import os

from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import brief

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, on the usual file systems
PLACE = {"path": True}
"""The metadata of fields of the schema that hold paths."""


def named_by(entry: RegistryEntry) -> tuple[str, ...]:
    """The options of a component that hold paths; `pretrained` may hold a tag instead."""
    return (*entry.files, *entry.folders, "weights", "pretrained")


def in_full(path: str) -> str:
    """The path with `~` and `~user` expanded, unchanged if there is no such user."""
    return os.path.expanduser(path)


def impossible(path: str) -> str:
    """Why no file can have this path, "" if one can."""
    if not path:
        return "should name a file or folder, not nothing"
    if longest := [name for name in path.split("/") if len(os.fsencode(name)) > LONGEST_NAME]:
        return f"has a name of more than {LONGEST_NAME} bytes, '{brief(longest[0], 20)}'"
    return f"has more than {LONGEST_PATH} bytes" if len(os.fsencode(path)) > LONGEST_PATH else ""
