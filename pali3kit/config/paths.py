"""Which fields of the schema hold paths, and why a path may be impossible."""

from __future__ import annotations

import os

from pali3kit.errors import brief

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, on the usual file systems
PLACE = {"path": True}
"""The metadata of fields of the schema that hold paths."""


def impossible(path: str) -> str:
    """Why no file can have this path, "" if one can."""
    if not path:
        return "should name a file or folder, not nothing"
    if longest := [name for name in path.split("/") if len(os.fsencode(name)) > LONGEST_NAME]:
        return f"has a name of more than {LONGEST_NAME} bytes, '{brief(longest[0], 20)}'"
    return f"has more than {LONGEST_PATH} bytes" if len(os.fsencode(path)) > LONGEST_PATH else ""
