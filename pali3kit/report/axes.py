"""A numeric axis of a grid, which columns are drawn against: its values, and a line for each combination of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

from pali3kit.plan.graph import shortened
from pali3kit.report.arms import CONTROL, label_of
from pali3kit.report.model import ResultCell, ResultTable, Row

_DECADE = 10.0  # a greater ratio of values needs a logarithmic scale


@dataclass(frozen=True, slots=True)
class AxisLine:
    """Rows that differ in the axis alone: one for each value of the axis, None where the grid has none."""

    label: str
    control: bool
    rows: tuple[Row | None, ...]

    def cells(self, column: str) -> list[ResultCell | None]:
        """The cells of a column, by the values of the axis."""
        return [row.cells[column] if row else None for row in self.rows]


@dataclass(frozen=True, slots=True)
class NumericAxis:
    """The axis `key` with its values, ascending.

    `scale` is `log` where positive values span a decade, `even` (equal distances) where some of them are not positive
    and the others do, else `linear`.
    """

    key: str
    values: tuple[float, ...]
    lines: tuple[AxisLine, ...]

    @classmethod
    def of(cls, table: ResultTable) -> NumericAxis | None:
        """The numeric axis with the most values, the first of several; None where no axis has two. Seeds are none."""
        points = [row.point for row in table.rows]
        keys = [key for key in (points[0] if points else ()) if not key.endswith(".seed")]
        columns = {key: {point[key] for point in points} for key in keys if all(_is_number(p[key]) for p in points)}
        if len(values := max(columns.values(), key=len, default=set())) < 2:
            return None
        key = next(key for key, each in columns.items() if each == values)
        ascending = tuple(sorted(float(str(value)) for value in values))
        return cls(key, ascending, tuple(_lines(table.rows, key, ascending)))

    @property
    def title(self) -> str:
        """The last two words of the key: `vision examples`, `model image size`; and the scale if it is not linear."""
        remark = {"linear": "", "log": " (log scale)", "even": " (not to scale)"}[self.scale]
        return " ".join(self.key.split(".")[-2:]).replace("_", " ") + remark

    @property
    def scale(self) -> Literal["linear", "log", "even"]:
        positive = [value for value in self.values if value > 0]
        if not positive or positive[-1] / positive[0] < _DECADE:
            return "linear"
        return "log" if len(positive) == len(self.values) else "even"

    def places(self) -> list[float]:
        """Where the values are on the axis, from 0 to 1."""
        if self.scale == "even":
            return [index / (len(self.values) - 1) for index in range(len(self.values))]
        scaled = [log(value) if self.scale == "log" else value for value in self.values]
        return [(value - scaled[0]) / (scaled[-1] - scaled[0]) for value in scaled]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lines(rows: Sequence[Row], key: str, values: Sequence[float]) -> list[AxisLine]:
    """The lines in the order of the table. Axes with one value are left out of their labels."""
    varying = [name for name in rows[0].point if name != key and len({repr(row.point[name]) for row in rows}) > 1]
    grouped: dict[str, dict[float, Row]] = {}
    controls: dict[str, bool] = {}
    short = shortened([row.point for row in rows])
    pretrained = any(row.settings.get("pretrain") != CONTROL for row in rows)
    for row in rows:
        rest = {name: row.point[name] for name in varying}
        label = label_of(short(rest))
        grouped.setdefault(label, {})[float(str(row.point[key]))] = row
        controls[label] = row.settings.get("pretrain") == CONTROL and pretrained
    return [
        AxisLine(label, controls[label], tuple(found.get(value) for value in values))
        for label, found in grouped.items()
    ]
