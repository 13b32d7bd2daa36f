"""From artifacts to a report: scores, intervals, differences, verdicts, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.encoder import probe_sets
from pali3kit.config.root import benchmark_label, public_title
from pali3kit.config.schema import Experiment
from pali3kit.config.written import written
from pali3kit.errors import DataError, StageError
from pali3kit.execution.store import Store
from pali3kit.plan.graph import Graph
from pali3kit.plan.kinds import evaluate
from pali3kit.plan.step import Step
from pali3kit.report import evidence, figures, paper, samples
from pali3kit.report.arms import (
    CONTROL,
    NAMES,
    Arm,
    Shelf,
    arms_of,
    label_of,
    partner_of,
    read_lines,
    read_metrics,
    read_predictions,
)
from pali3kit.report.columns import Column, Sets, columns_of, measures, score_of
from pali3kit.report.model import Cell, Control, Published, PublishedRow, Report, Row, Stage, Status, Table
from pali3kit.report.notes import notes
from pali3kit.report.statistics import Interval, Score, Verdict, delta, interval, verdict

TRANSFER = "transfer"  # columns without a suffix are measured after it


def collect(graph: Graph, store: Store, experiment: Experiment, failures: Mapping[str, str] | None = None) -> Report:
    """Read what the graph's artifacts hold. Nothing is run; what is absent or failed is shown as such.

    `failures` leads from the digest of a step that failed to the reason, in one line.
    """
    shelf = Shelf(store, failures or {})
    arms = arms_of(graph, experiment)
    sets = _sets_of(arms, experiment)
    published = paper.load(experiment.paper) if experiment.paper else None
    tables = tuple(_table(after, arms, shelf, experiment, published, sets) for after in _afters(arms))
    report = Report(
        name=experiment.name,
        seeds=tuple(experiment.seeds),
        tables=tables,
        published=_published(published),
        notes=(),
        details=tuple(evidence.details(arms, shelf, sets)),
        curves=tuple(evidence.curves(graph, arms, shelf)),
        figures=tuple(figures.figures(arms, shelf, sets)),
        gallery=tuple(samples.choose(arms, shelf, sets)),
        stages=tuple(_stage(step, shelf) for step in graph.steps),
        versions=evidence.versions(graph, shelf),
        config={
            each.name: written(getattr(experiment, each.name)) for each in fields(experiment) if each.name != "runtime"
        },
    )
    return replace(report, notes=tuple(notes(report)))


def _afters(arms: Sequence[Arm]) -> list[str]:
    """The stages after which there are columns: stage 1 first. Pretrained parts alone stand in the transfer table."""
    names = [name for arm in arms for name in arm.steps]
    measured = sorted((kind for kind in STAGE.all() if kind.title), key=lambda kind: kind.stage)
    early = [kind.name for kind in measured if any(name.endswith(f"@{kind.name}") for name in names)]
    transfer = any("@" not in name and BENCHMARK.find(name).generated for name in names)
    return early + [TRANSFER] * (transfer or not early)


def _suffix(after: str) -> str:
    """What a cell's columns have behind their names."""
    return "" if after == TRANSFER else f"@{after}"


def _table(
    after: str,
    arms: Sequence[Arm],
    shelf: Shelf,
    experiment: Experiment,
    published: paper.PaperTable | None,
    sets: Sets,
) -> Table:
    suffix = _suffix(after)
    sources = [source for source in experiment.evaluate if any(_key(source, suffix) in arm.steps for arm in arms)]
    columns = tuple(column for source in sources for column in columns_of(source, sets))
    measured = {arm.label: {column.name: _measure(arm, column, suffix, shelf) for column in columns} for arm in arms}
    columns = tuple(column for column in columns if any(each[column.name].anything for each in measured.values()))
    rows = []
    for arm in arms:
        partner = partner_of(arm.point, experiment)
        versus = label_of(partner) if partner != arm.point and label_of(partner) in measured else ""
        control = _control_of(arm.point)
        cells = {}
        for column in columns:
            ours = measured[arm.label][column.name]
            cell = ours.cell()
            if versus:
                cell = _compare(cell, ours, measured[versus][column.name])
            if control in measured and control != arm.label and column.benchmark.answered != "loss":  # no encoder
                cell = replace(cell, control=_above(ours, measured[control][column.name]))
            ours_of, theirs_of = (
                {"pretrain": experiment.pretrain, **each} for each in (arm.point, partner if versus else arm.point)
            )
            cell = _expected(cell, experiment, column)
            if _is_papers(column, arm.point, experiment):
                cell = _beside(cell, published, ours_of, theirs_of, column)
            cells[column.name] = cell
        rows.append(Row(arm.label, arm.point, versus, cells))
    return Table(after, columns, tuple(rows))


@dataclass(frozen=True)
class _Measured:
    """What one column of one arm gave: scores by seed, reasons of those that failed, how many are not there yet."""

    scores: Mapping[int, Score]
    reasons: tuple[str, ...]
    missing: int

    @property
    def anything(self) -> bool:
        """Whether the arm is measured so, or should have been: a set may have been labelled once only."""
        return bool(self.scores or self.reasons or self.missing)

    def cell(self) -> Cell:
        status: Status = "done"
        if self.reasons:
            status = "partial" if self.scores else "failed"
        elif self.missing:
            status = "partial" if self.scores else "missing"
        per_seed = {seed: score.value for seed, score in self.scores.items()}
        ours = interval(self.scores) if self.scores else None
        return Cell(status, per_seed=per_seed, ours=ours, reasons=self.reasons)


def _sets_of(arms: Sequence[Arm], experiment: Experiment) -> Sets:
    """What the experiment measures on; where its arms have other sets, all of them are named."""
    chosen = experiment.evaluation
    labelled, captioned = (
        " / ".join(dict.fromkeys(_name(arm.point.get(f"evaluation.{key}", part)) for arm in arms))
        for key, part in (("labelled", chosen.labelled), ("captioned", chosen.captioned))
    )
    labels = {name: _label(BENCHMARK.find(name), arms, experiment) for name in experiment.evaluate}
    titles = {name: public_title(experiment, BENCHMARK.find(name)) for name in experiment.evaluate}
    return Sets(labelled, captioned, len(probe_sets(experiment)), labels, titles)


def _label(benchmark: Benchmark, arms: Sequence[Arm], experiment: Experiment) -> str:
    """What a benchmark is called by what its arms are measured on; all names where these differ."""
    steps = [step for arm in arms for name, seeds in arm.steps.items() for step in seeds.values()
             if name.partition("@")[0] == benchmark.name]  # fmt: skip
    told = dict.fromkeys(step.config.label for step in steps if isinstance(step.config, evaluate.Config))
    return " / ".join(told) or benchmark_label(experiment, benchmark)


def _name(part: object) -> str:
    """The name of a part, as the schema has it or as a grid writes it."""
    return str(part["name"]) if isinstance(part, Mapping) else str(getattr(part, "name", part))


def _is_papers(column: Column, point: Mapping[str, object], experiment: Experiment) -> bool:
    """Whether the paper measures a column so: its texts are read by a tower that is LiT-tuned for the encoder."""
    texts = point.get("evaluation.texts", experiment.evaluation.texts)
    towers = point.get("model.towers", experiment.model.towers)
    return not column.benchmark.reads_texts or (texts == "lit" and towers is None)


def _expected(cell: Cell, experiment: Experiment, column: Column) -> Cell:
    """Add the number that somebody published for it, and whether ours is near enough."""
    wanted = experiment.expect.get(column.key)
    if wanted is None:
        return cell
    near = cell.ours and abs(cell.ours.mean - wanted.value) <= wanted.tolerance
    return replace(cell, expected=wanted, reached=None if near is None else "pass" if near else "gap")


def _measure(arm: Arm, column: Column, suffix: str, shelf: Shelf) -> _Measured:
    scores: dict[int, Score] = {}
    reasons: list[str] = []
    missing = 0
    for seed, step in arm.steps.get(_key(column.source, suffix), {}).items():
        folder = shelf.folder(step)
        if folder is not None:
            rows = read_predictions(folder) if column.part else []
            metrics = read_metrics(folder)
            if measures(column, metrics):
                try:
                    scores[seed] = score_of(column, metrics, rows)
                except DataError as error:
                    reasons.append(f"seed {seed}: {step.label}: {error}")
        elif reason := shelf.failure(step):
            reasons.append(f"seed {seed}: {reason}")
        else:
            missing += 1
    return _Measured(scores, tuple(reasons), missing)


def _compare(cell: Cell, ours: _Measured, baseline: _Measured) -> Cell:
    """Add the difference to the baseline partner, over the seeds that both have."""
    if not ours.scores.keys() & baseline.scores.keys():
        return cell
    try:
        return replace(cell, delta=delta(ours.scores, baseline.scores))
    except StageError as error:
        return replace(cell, reasons=(*cell.reasons, f"no difference: {error}"))


def _above(ours: _Measured, control: _Measured) -> Control | None:
    """Whether the 95% interval of the difference to random weights excludes zero."""
    try:
        difference = delta(ours.scores, control.scores)
    except StageError:
        return None
    return _side(difference)


def _side(difference: Interval) -> Control:
    if difference.method == "none":
        return "undecided"
    return "above" if difference.low > 0 else "below" if difference.high < 0 else "undecided"


def _beside(
    cell: Cell,
    published: paper.PaperTable | None,
    point: Mapping[str, object],
    partner: Mapping[str, object],
    column: Column,
) -> Cell:
    """Add the paper's numbers for the same arms, and whether ours follow them."""
    if published is None or published.axis not in point:
        return cell
    arm, baseline = str(point[published.axis]), str(partner[published.axis])
    cell = replace(cell, paper=published.absolute(arm, column.key))
    theirs = published.delta(arm, baseline, column.key) if arm != baseline else None
    judged: Verdict | None = None
    if cell.ours and cell.delta and theirs:
        # Two rows that answer alike, always wrongly say, agree with a paper that sees no difference, and say nothing.
        silent = cell.delta.high - cell.delta.low < 0.1  # printed as 0.0
        judged = "undecided" if silent else verdict(cell.delta, theirs.value)
    return replace(cell, paper_delta=theirs, verdict=judged)


def _control_of(point: Mapping[str, object]) -> str:
    return label_of({**point, "pretrain": CONTROL}) if "pretrain" in point else ""


def _key(source: str, suffix: str) -> str:
    """The name of a cell's column; what looks at a pretrained part alone is the same after every stage."""
    return source + suffix if BENCHMARK.find(source).generated else source


def _published(table: paper.PaperTable | None) -> Published | None:
    if table is None:
        return None
    rows = []
    for vit, arm in ((vit, arm) for vit, arms in table.rows.items() for arm in arms):
        numbers = {column: table.absolute(arm, column, vit) for column in table.columns}
        rows.append(PublishedRow(f"ViT-{vit} {NAMES[arm]}", {name: one for name, one in numbers.items() if one}))
    told = table.title, table.citation, table.setting, table.default, table.claims
    return Published(*told, table.columns, tuple(rows))


def _stage(step: Step, shelf: Shelf) -> Stage:
    reason, folder = shelf.own_failure(step), shelf.folder(step)
    status: Status = "done" if folder is not None else "failed" if reason else "missing"
    skipped = len(read_lines(folder / "skipped.txt")) if folder is not None else 0
    return Stage(step.kind, step.label, step.seed, step.digest, status, reason, skipped)
