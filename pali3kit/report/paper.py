"""The numbers that the paper prints, each with its provenance: where it was read, or that it is recalled.

A table is a file `pali3kit/paper/<name>.yaml`. Its first arm is absolute, the others are differences
to it, as the paper prints them. A number whose provenance is not `verified: SOURCE` carries a dagger wherever
it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from pali3kit.errors import DataError, nearest

TABLES = files("pali3kit") / "paper"
DAGGER = "†"
LEGEND = f"{DAGGER} recalled, not verified against the paper"


@dataclass(frozen=True, slots=True)
class Number:
    """A published value (absolute, or a difference), in the units of the paper."""

    value: float
    provenance: str

    @property
    def verified(self) -> bool:
        return self.provenance.partition(":")[0] == "verified"

    @property
    def mark(self) -> str:
        """The dagger of a number that was not read in the paper, else nothing."""
        return "" if self.verified else DAGGER


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of the paper in words."""

    text: str
    provenance: str


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One published table.

    `rows[vit][arm][column]` is a Number; `columns` gives the paper's name of each of our columns; `axis` is
    the grid axis whose values name the arms; `default` is the ViT whose rows stand beside ours.
    """

    name: str
    title: str
    citation: str
    setting: str
    axis: str
    default: str
    claims: tuple[Claim, ...]
    columns: Mapping[str, str]
    rows: Mapping[str, Mapping[str, Mapping[str, Number]]]

    def absolute(self, arm: str, column: str, vit: str = "") -> Number | None:
        """The value of an arm in a column; None where the paper prints nothing.

        For an arm that is printed as a difference it is a sum, known no better than its parts.
        """
        arms = self.rows[self._known(vit)]
        base = next(iter(arms))
        number, reference = arms.get(arm, {}).get(column), arms[base].get(column)
        if arm == base or number is None or reference is None:
            return number
        return Number(round(reference.value + number.value, 2), _weaker(number, reference))

    def delta(self, arm: str, baseline: str, column: str, vit: str = "") -> Number | None:
        """The difference of two arms in a column; None where the paper does not have both."""
        arms = self.rows[self._known(vit)]
        if baseline == next(iter(arms)) and arm != baseline and column in arms[baseline]:
            return arms.get(arm, {}).get(column)
        ours, theirs = self.absolute(arm, column, vit), self.absolute(baseline, column, vit)
        if ours is None or theirs is None:
            return None
        return Number(round(ours.value - theirs.value, 2), _weaker(ours, theirs))

    def _known(self, vit: str) -> str:
        vit = vit or self.default
        if vit not in self.rows:
            known = ", ".join(self.rows)
            raise DataError(f"{self.title} has no rows of '{vit}', only {known}.{nearest(vit, self.rows)}")
        return vit


def names() -> list[str]:
    """The tables that `load` knows."""
    return sorted(entry.name.removesuffix(".yaml") for entry in TABLES.iterdir() if entry.name.endswith(".yaml"))


def load(name: str) -> PaperTable:
    """Read a table by its name, for instance `table1`. Raises DataError with a suggestion when there is none."""
    if name not in names():
        raise DataError(f"no published table '{name}', only {', '.join(names())}.{nearest(name, names())}")
    text = (TABLES / f"{name}.yaml").read_text(encoding="utf-8")
    return _parse(name, yaml.safe_load(text))


def _parse(name: str, raw: Mapping[str, Any]) -> PaperTable:
    rows = {
        vit: {arm: {column: _number(cell) for column, cell in cells.items()} for arm, cells in arms.items()}
        for vit, arms in raw["rows"].items()
    }
    words = {key: raw[key] for key in ("title", "citation", "setting", "axis", "default", "columns")}
    return PaperTable(name=name, claims=tuple(Claim(**claim) for claim in raw["claims"]), rows=rows, **words)


def _number(cell: Mapping[str, Any]) -> Number:
    return Number(cell["value"] if "value" in cell else cell["delta"], cell["provenance"])


def _weaker(first: Number, second: Number) -> str:
    return second.provenance if first.verified else first.provenance
