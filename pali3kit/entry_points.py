"""Entry points of installed plug-ins, in the groups `pali3kit.<kind>`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, distributions


@cache
def plugins() -> tuple[EntryPoint, ...]:
    """The entry points of all installed packages; cached, as reading them takes tens of milliseconds."""
    points = (point for distribution in distributions() for point in distribution.entry_points)
    return tuple(dict.fromkeys(point for point in points if point.group.startswith("pali3kit.")))


def refusal(point: EntryPoint, why: str) -> str:
    """The message for an unusable entry point: its name, its package, and `why`."""
    kind = point.group.removeprefix("pali3kit.")
    owner = f" of the package '{point.dist.name}'" if point.dist is not None else ""
    return f"{kind} '{point.name}' cannot be loaded from {point.value}{owner}: {why}."
