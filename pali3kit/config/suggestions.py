"""What an unknown key or name is called now, where it was renamed (`renamed`)."""

from __future__ import annotations

from collections.abc import Collection

from pali3kit.config.renamed import RENAMED, RENAMED_NAMES, SINCE


def new_key(key: str) -> str:
    """`" It is called 'runtime.devices' since 0.2."` for a dotted key that was renamed, or is below one; else ""."""
    words = key.split(".")
    for end in range(len(words), 0, -1):
        if new := RENAMED.get(".".join(words[:end])):
            return _called(".".join([new, *words[end:]]))
    return ""


def new_name(where: str, name: str, choices: Collection[str] | None = None) -> str:
    """The same for a name, if its new one is among the `choices`; `where` is a key of `RENAMED_NAMES`."""
    new = RENAMED_NAMES.get(where, {}).get(name)
    return _called(new) if new and (choices is None or new in choices) else ""


def _called(new: str) -> str:
    return f" It is called '{new}' since {SINCE}."
