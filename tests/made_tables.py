"""Tables of made-up results: any grid, without artifacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

from pali3kit.report.arms import label_of
from pali3kit.report.columns import columns_of
from pali3kit.report.model import Report, ResultCell, ResultTable, Row
from pali3kit.report.paper import PaperTable
from pali3kit.report.statistics import Interval, Method

Point = Mapping[str, object]


def cell(*values: float, method: Method = "bootstrap over samples", half: float = 1.0) -> ResultCell:
    """A cell with a value for each seed, from seed 0, and an interval; without values a missing one."""
    if not values:
        return ResultCell("missing")
    mean = sum(values) / len(values)
    ours = Interval(mean, mean - half, mean + half, 40, len(values), method)
    return ResultCell("done", per_seed=dict(enumerate(values)), ours=ours)


FAILED = ResultCell("failed", reasons=("seed 0: no memory",))


def table(
    grid: Mapping[str, Sequence[object]],
    benchmarks: Sequence[str],
    made: Callable[[Point, str], ResultCell],
    encoder: Callable[[Point, int], str] = lambda point, seed: f"{sorted(map(str, point.items()))} {seed}",
) -> ResultTable:
    """A table of a grid; `made` gives the cell of a point in a column, `encoder` the encoder of a point and a seed."""
    columns = tuple(column for name in benchmarks for column in columns_of(name))
    rows = []
    for values in product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        cells = {column.name: made(point, column.key) for column in columns}
        seeds = sorted({seed for each in cells.values() for seed in each.per_seed})
        rows.append(Row(label_of(point), point, "", cells, {seed: encoder(point, seed) for seed in seeds}))
    return ResultTable("transfer", columns, tuple(rows))


def report(*tables: ResultTable, paper: str = "") -> Report:
    """A report of such tables."""
    published = PaperTable.load(paper) if paper else None
    return Report(
        "made_up",
        (0,),
        tables,
        published,
        (),
        (),
        (),
        (),
        (),
        (),
        {},
        {"scale": "embedded", "paper": paper, "data": {}},
    )
