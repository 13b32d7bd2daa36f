"""The files and folders that a component's options name and that do not exist."""

from __future__ import annotations

import os
from contextlib import suppress
from glob import iglob
from itertools import islice
from pathlib import Path

from pali3kit.config.available_tasks import entry_of
from pali3kit.config.component import Component
from pali3kit.config.paths import SHARD_NUMBERS, TAR, protocol
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import nearest

_MOST_BESIDE = 1000  # entries of a folder that are compared with one that is not there


def missing_files(part: Component, entry: RegistryEntry, globs: bool = True) -> dict[str, str]:
    """The paths that do not exist, by the option that names them, as the component's `entry` declares such options.

    What is behind a URL is not looked for.

    With `globs`, a file may be a pattern, and so may tars in the place of a folder.
    """
    found: dict[str, str] = {}
    for option in (*entry.files, *entry.folders):
        path, folder = part.options.get(option), option in entry.folders
        if not isinstance(path, str) or protocol(path) or (os.path.isdir(path) if folder else os.path.exists(path)):
            continue
        pattern = not folder or (option in entry.tars and path.endswith(TAR))
        if not globs or not pattern or not any(iglob(SHARD_NUMBERS.sub("*", path), recursive=True)):
            found[option] = path
    return found


def is_here(source: Component) -> bool:
    """Whether a source is known and its files, and those of its parts, lie on this machine and not behind URLs: `check`
    may read them.
    """
    entry = entry_of(source)
    if entry is None or missing_files(source, entry):
        return False
    remote = any(isinstance(value, str) and protocol(value) for value in source.options.values())
    return not remote and all(map(is_here, source.parts.values()))


def not_there(what: str, path: str) -> str:
    """The message on a path that does not exist, where a `what` ("file", "folder", "file or folder") is expected, with
    what helps: a name that may be meant, else the folder that it is relative to.
    """
    searched = "" if os.path.isabs(path) else f" It was looked for in the working folder, {os.getcwd()}."
    return f"there is no {what} '{path}'.{beside(path) or searched}"


def beside_its_file(path: object, where: str) -> str:
    """What to write for a relative path that is not there, but beside the file at `where`, `file:line`; else ""."""
    file, _, line = where.rpartition(":")
    if not isinstance(path, str) or not path or protocol(path) or not line.isdigit() or os.path.exists(path):
        return ""
    meant = os.path.join(os.path.dirname(file), path)
    told = f" It lies beside this file: write '{meant}', as paths are relative to the working folder."
    return told if meant != path and os.path.exists(meant) else ""


def beside(path: str) -> str:
    """Suggest a name in place of the first part of a path that does not exist; one in other case is preferred.

    Hidden names, such as `.git`, are not suggested.
    """
    file = Path(path)
    absent = next((each for each in (*reversed(file.parents), file) if not os.path.lexists(each)), file)
    with suppress(OSError):
        found = (each.name for each in islice(absent.parent.iterdir(), _MOST_BESIDE))
        there = [name for name in found if not name.startswith(".")]
        spelt = [name for name in there if name.casefold() == absent.name.casefold()]
        return f" Did you mean '{spelt[0]}'?" if spelt else nearest(absent.name, there)
    return ""
