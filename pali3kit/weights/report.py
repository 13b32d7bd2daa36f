"""Load reports: what happened to every tensor of a file and every parameter of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pali3kit.errors import WeightsError


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was loaded from a file, and what was not.

    Attributes:
        source, sha256, layout: the file, its digest, and the naming scheme of its tensors.
        loaded: the model's tensors that came from the file.
        resized: how the model's tensors were made to fit, by name.
        missing: the model's tensors that the file lacks.
        kept: the model's tensors that the caller allowed the file to lack; they keep their values.
        unexpected: the file's tensors that the model lacks.
        ignored: the file's tensors that are not used: those of another tower, or that the caller allowed.
    """

    source: str
    sha256: str
    layout: str
    loaded: tuple[str, ...]
    resized: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain values, as artifacts store them in `load.json`."""
        return asdict(self)

    def require_complete(self) -> None:
        """Raise WeightsError, naming the tensors, if any is missing or unexpected."""
        problems = [f"missing {name}" for name in self.missing] + [f"unexpected {name}" for name in self.unexpected]
        if problems:
            where = Path(self.source).name
            some = list(dict.fromkeys((*self.unexpected, *self.missing)))[:1]
            raise WeightsError(
                f"{where}, read as {self.layout}, does not fit the model: {_join_first(problems)}."
                f" To accept that, name the tensors, or patterns with *: allow={some}."
            )


def _join_first(problems: Sequence[str], limit: int = 20) -> str:
    """The first `limit` problems in one line, and how many more there are."""
    more = len(problems) - limit
    return "; ".join(problems[:limit]) + (f"; and {more} more" if more > 0 else "")
