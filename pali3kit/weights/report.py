"""What became of every tensor of a file and of every parameter of a model: a load report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pali3kit.errors import WeightsError


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Names are the model's in `loaded`, `missing`, `kept` and `resized`, the file's in `unexpected` and `set_aside`.

    `set_aside` was not asked for: another tower, or what the caller allowed to be left out. `kept` is the model's own,
    as it was, since the caller allowed it to be missing. `resized` says how.
    """

    source: str
    sha256: str
    layout: str
    loaded: tuple[str, ...]
    resized: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain values, as an artifact's manifest keeps them."""
        return asdict(self)

    def demand_complete(self) -> None:
        """Raise WeightsError, naming all tensors, unless everything is accounted for."""
        problems = [f"missing {name}" for name in self.missing] + [f"unexpected {name}" for name in self.unexpected]
        if problems:
            where = Path(self.source).name
            some = list(dict.fromkeys((*self.unexpected, *self.missing)))[:1]
            raise WeightsError(
                f"{where}, read as {self.layout}, does not fit the model: {_few(problems)}."
                f" Allow what may be left out by name, or by a pattern with * (allow={some})."
            )


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name` fits any of the patterns (`*` and `?` as in file names)."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _few(problems: Sequence[str], most: int = 20) -> str:
    """The first of a long list, and how many more there are."""
    more = len(problems) - most
    return "; ".join(problems[:most]) + (f"; and {more} more" if more > 0 else "")
