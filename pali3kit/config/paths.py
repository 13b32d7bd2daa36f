"""Which fields of the schema hold paths, which paths are URLs, and why a path may be impossible."""

from __future__ import annotations

import os
import re

from pali3kit.errors import brief

TAR = ".tar"
SHARD_NUMBERS = re.compile(r"\{(\d+)\.\.(\d+)\}")
"""In the name of shards, the numbers of the first and the last."""
LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, on the usual file systems
PLACE = {"path": True}
FIXED_PLACE = {"path": True, "absolute": True}
"""The metadata of fields of the schema that hold paths; those of the latter become absolute, as the run needs them."""
PACKAGE = "package"
"""In `runtime.read_from`, the artifacts that come with pali3kit."""


def protocol(path: str) -> str:
    """The protocol of a URL, as `s3` of `s3://lab/store`; "" for a path of the file system."""
    found = re.match(r"(\w[\w+.-]*)(?:::|://)", path)
    return found[1] if found else ""


def impossible(path: str) -> str:
    """Why no file can have this path, "" if one can."""
    if not path:
        return "should name a file or folder, not nothing"
    if longest := [name for name in path.split("/") if len(os.fsencode(name)) > LONGEST_NAME]:
        return f"has a name of more than {LONGEST_NAME} bytes, '{brief(longest[0], 20)}'"
    return f"has more than {LONGEST_PATH} bytes" if len(os.fsencode(path)) > LONGEST_PATH else ""
