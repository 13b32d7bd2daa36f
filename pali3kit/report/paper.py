"""The paper's tables: published numbers, each with its provenance, from `pali3kit/paper/<name>.yaml`.

A table has `rows` (of an ablation, one for each ViT and arm), `systems` (whole models, such as PaLI-X or Flamingo), or
both. As in the paper, the first arm of a ViT has absolute numbers, the others perhaps differences to it. A table is
defined by its file alone, and may have columns of benchmarks that do not exist yet. A number whose provenance is not
`verified: SOURCE` is printed with a dagger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from pali3kit.config.check import PAPER_TABLES
from pali3kit.config.kinds import exists
from pali3kit.config.schema import Experiment
from pali3kit.config.tree import parse
from pali3kit.config.typed import Builder
from pali3kit.errors import ConfigError, DataError, Problem, choose, nearest
from pali3kit.report.arms import label_of

DAGGER = "†"
LEGEND = f"{DAGGER} recalled, not verified against the paper"


@dataclass(frozen=True, slots=True)
class PublishedNumber:
    """A value or a difference, in the units of the paper."""

    value: float
    provenance: str

    @property
    def verified(self) -> bool:
        return self.provenance.partition(":")[0] == "verified"

    @property
    def mark(self) -> str:
        """The dagger of a number that is not verified, else nothing."""
        return "" if self.verified else DAGGER


@dataclass(frozen=True, slots=True)
class _Claim:
    """A statement of the paper in words."""

    text: str
    provenance: str


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of a table: a system, or one `arm` of an ablation with its `vit`.

    `numbers` are absolute values by our columns' names; `deltas` are those that the paper prints as differences to the
    first arm. `group` is the heading above a system, `note` its footnote.
    """

    label: str
    numbers: Mapping[str, PublishedNumber]
    vit: str = ""
    arm: str = ""
    deltas: Mapping[str, PublishedNumber] = field(default_factory=dict)
    group: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One published table. `columns` maps our columns' names to the paper's titles.

    `means` has, by column, the columns whose mean it is. For ablations, `axis` is the grid axis whose values name the
    arms, and `vit` the ViT to compare our arms with. `conditions` are, by column, the settings under which our number
    is comparable: `{"evaluation.text_tower": "lit"}`.
    """

    title: str
    citation: str
    setting: str
    vit: str
    claims: tuple[_Claim, ...]
    columns: Mapping[str, str]
    rows: tuple[PublishedRow, ...]
    axis: str = ""
    conditions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    means: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str) -> PaperTable:
        """Read a table by the name of its file.

        Raises DataError with a suggestion when there is none, ConfigError with every problem in it and its line.
        """
        known = sorted(file.stem for file in PAPER_TABLES.glob("*.yaml"))
        if name not in known:
            raise DataError(f"no published table '{name}', only {', '.join(known)}.{nearest(name, known)}")
        path = PAPER_TABLES / f"{name}.yaml"
        return _parse(path.read_text(encoding="utf-8"), path.name)

    def systems(self, columns: Iterable[str]) -> list[PublishedRow]:
        """The systems that have a number in any of `columns`."""
        wanted = set(columns)
        return [row for row in self.rows if not row.arm and not wanted.isdisjoint(row.numbers)]

    @property
    def has_arms(self) -> bool:
        return any(row.arm for row in self.rows)

    def absolute(self, arm: str, column: str, vit: str = "") -> PublishedNumber | None:
        """The value of an arm in a column; None where the paper prints nothing.

        If the paper prints a difference, it is added to the first arm's value; the sum is verified only if both are.
        """
        row = self._arms(vit).get(arm)
        return row.numbers.get(column) if row else None

    def delta(self, arm: str, baseline: str, column: str, vit: str = "") -> PublishedNumber | None:
        """The difference of two arms in a column; None where the paper does not have both."""
        arms = self._arms(vit)
        if arm in arms and baseline == next(iter(arms)) and column in arms[arm].deltas:
            return arms[arm].deltas[column]
        value, base = self.absolute(arm, column, vit), self.absolute(baseline, column, vit)
        if value is None or base is None:
            return None
        return _derived(value.value - base.value, value, base)

    def _arms(self, vit: str) -> dict[str, PublishedRow]:
        """The arms of a ViT, by name, in the paper's order."""
        vit = vit or self.vit
        arms = {row.arm: row for row in self.rows if row.arm and row.vit == vit}
        if not arms and self.has_arms:
            known = list(dict.fromkeys(row.vit for row in self.rows if row.arm))
            raise DataError(f"{self.title} has no rows of '{vit}', only {', '.join(known)}.{nearest(vit, known)}")
        return arms


# The file's schema, as `Builder` reads it.


@dataclass(frozen=True, slots=True)
class _Cell:
    provenance: str
    value: float | None = None
    delta: float | None = None

    def number(self) -> PublishedNumber:
        number = self.delta if self.value is None else self.value
        assert number is not None  # `_invalid_entries` has refused such a cell
        return PublishedNumber(number, self.provenance)


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    only: dict[str, Any] = field(default_factory=dict)
    mean: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _System:
    name: str
    parameters: str = ""
    group: str = ""
    note: str = ""
    numbers: dict[str, _Cell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    title: str
    citation: str
    setting: str
    columns: dict[str, str | _Column]
    claims: list[_Claim] = field(default_factory=list)
    axis: str = ""
    default: str = ""
    rows: dict[str, dict[str, dict[str, _Cell]]] = field(default_factory=dict)
    systems: list[_System] = field(default_factory=list)


def _parse(text: str, source: str) -> PaperTable:
    problems: list[Problem] = []
    tree = parse(text, source, problems)
    if tree is None:
        raise ConfigError(problems)
    builder = Builder()
    file = builder.section(_File, tree, "")
    problems += builder.problems
    if not problems:
        assert isinstance(file, _File)
        problems = [Problem(tree.place_of(key), text) for key, text in _invalid_entries(file)]
    if problems:
        raise ConfigError(problems)
    assert isinstance(file, _File)
    columns = {name: _Column(one) if isinstance(one, str) else one for name, one in file.columns.items()}
    return PaperTable(
        title=file.title,
        citation=file.citation,
        setting=file.setting,
        vit=file.default,
        claims=tuple(file.claims),
        columns={name: column.title for name, column in columns.items()},
        rows=(*_system_rows(file), *_arm_rows(file)),
        axis=file.axis,
        conditions={name: column.only for name, column in columns.items() if column.only},
        means={name: column.mean for name, column in columns.items() if column.mean},
    )


def _invalid_entries(file: _File) -> Iterator[tuple[str, str]]:
    """The problems of a file whose keys and types are right, as dotted keys and texts."""
    if not file.rows and not file.systems:
        yield "", "a table needs rows or systems."
    if file.rows and file.default not in file.rows:
        yield "default", f"default '{file.default}' is none of the rows.{choose(file.default, file.rows)}"
    if file.rows and not exists(Experiment, file.axis):
        yield "axis", f"axis '{file.axis}' is no key of an experiment: it names the grid axis of the arms."
    names = Counter(system.name for system in file.systems)
    yield from (
        (f"systems[{index}].name", f"there are {names[system.name]} systems called '{system.name}'.")
        for index, system in enumerate(file.systems)
        if names[system.name] > 1
    )
    groups = Counter(group for group, _ in groupby(system.group for system in file.systems))
    for group in (group for group, times in groups.items() if times > 1):
        last = max(index for index, system in enumerate(file.systems) if system.group == group)
        yield f"systems[{last}]", f"systems of the group '{group}' do not follow each other."
    for name, column in file.columns.items():
        for part in () if isinstance(column, str) else column.mean:
            if part not in file.columns or part == name:
                others = [other for other in file.columns if other != name]
                yield f"columns.{name}.mean", f"columns.{name}.mean: no column '{part}'.{choose(part, others)}"
    for key, cells, base in _cells(file):
        for name, cell in cells.items():
            where = f"{key}.{name}"
            if name not in file.columns:
                yield where, f"{key}: unknown column '{name}'.{choose(name, file.columns)}"
            if (cell.value is None) == (cell.delta is None):
                yield where, f"{where} needs a value or a delta, and not both."
            elif cell.delta is not None and (base is None or name not in base):
                yield where, f"{where}: a delta needs a value in the first arm."


def _cells(file: _File) -> Iterator[tuple[str, Mapping[str, _Cell], Mapping[str, _Cell] | None]]:
    """The rows with their dotted keys and, for all arms but the first, the cells that deltas refer to."""
    for index, system in enumerate(file.systems):
        yield f"systems[{index}].numbers", system.numbers, None
    for vit, arms in file.rows.items():
        first = next(iter(arms), "")
        yield from ((f"rows.{vit}.{arm}", cells, None if arm == first else arms[first]) for arm, cells in arms.items())


def _system_rows(file: _File) -> Iterator[PublishedRow]:
    for one in file.systems:
        label = f"{one.name} ({one.parameters})" if one.parameters else one.name
        numbers = {name: cell.number() for name, cell in one.numbers.items()}
        yield PublishedRow(label, numbers, group=one.group, note=one.note)


def _arm_rows(file: _File) -> Iterator[PublishedRow]:
    for vit, arms in file.rows.items():
        base = {name: cell.number() for name, cell in next(iter(arms.values()), {}).items()}
        for arm, cells in arms.items():
            deltas = {name: cell.number() for name, cell in cells.items() if cell.delta is not None}
            sums = {name: _derived(base[name].value + one.value, base[name], one) for name, one in deltas.items()}
            numbers = {name: sums[name] if name in sums else cell.number() for name, cell in cells.items()}
            yield PublishedRow(f"ViT-{vit} {label_of({file.axis: arm})}", numbers, vit, arm, deltas)


def _derived(value: float, first: PublishedNumber, second: PublishedNumber) -> PublishedNumber:
    """`value`, which was computed from two numbers, verified only if both are."""
    return PublishedNumber(round(value, 2), second.provenance if first.verified else first.provenance)
