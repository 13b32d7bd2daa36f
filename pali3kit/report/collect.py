"""From artifacts to a report: scores, intervals, differences, verdicts, and failures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.component import Component
from pali3kit.config.encoder import probe_sets
from pali3kit.config.root import benchmark_label, public_title
from pali3kit.config.schema import Experiment
from pali3kit.config.written import written
from pali3kit.errors import DataError, StageError
from pali3kit.evals.scores import EvalResult
from pali3kit.execution.store import Store
from pali3kit.plan.graph import Graph
from pali3kit.plan.kinds import evaluate
from pali3kit.plan.step import Step
from pali3kit.report import evidence
from pali3kit.report.arms import Arm, ArtifactReader, arms_of, control_of
from pali3kit.report.columns import EvaluationSets, ReportColumn, columns_of, has_column, score_of
from pali3kit.report.costs import conditions_of
from pali3kit.report.coverage import identical, uncovered
from pali3kit.report.encoder_size import encoder_sizes
from pali3kit.report.means import mean_columns, mean_scores
from pali3kit.report.model import Control, Report, ResultCell, ResultTable, Row, Stage, Status
from pali3kit.report.notes import notes
from pali3kit.report.paper import PaperTable
from pali3kit.report.responsible import responsible_notes
from pali3kit.report.samples import choose_examples
from pali3kit.report.slice_text import slice_notes
from pali3kit.report.slices import slice_tables
from pali3kit.report.statistics import Verdict, delta, interval, verdict

TRANSFER = "transfer"  # the stage after which steps without a suffix measure


def collect(graph: Graph, store: Store, experiment: Experiment, failures: Mapping[str, str] | None = None) -> Report:
    """Read the graph's artifacts into a report. Nothing is run; what is missing or failed is shown as such.

    `failures` leads from the digest of a step that failed to the reason, in one line.
    """
    artifacts = ArtifactReader(store, failures or {})
    arms = arms_of(graph, experiment)
    sets = _sets_of(arms, experiment)
    published = PaperTable.load(experiment.paper) if experiment.paper else None
    needed = {step.digest for step in graph.missing(lambda step: artifacts.folder(step) is not None)}
    tables = tuple(_table(after, arms, artifacts, experiment, published, sets) for after in _stages_measured(arms))
    report = Report(
        name=experiment.name,
        seeds=tuple(experiment.seeds),
        tables=tables,
        published=published,
        notes=(),
        details=tuple(evidence.details(arms, artifacts, sets)),
        curves=tuple(evidence.curves(graph, arms, artifacts)),
        figures=tuple(evidence.figures(arms, artifacts, sets)),
        gallery=tuple(choose_examples(arms, artifacts, sets, experiment.stages.transfer)),
        stages=tuple(_stage(step, artifacts, step.digest in needed) for step in graph.steps),
        versions=artifacts.versions(graph.steps),
        config={
            each.name: written(getattr(experiment, each.name)) for each in fields(experiment) if each.name != "runtime"
        },
        slices=tuple(slice_tables(arms, artifacts, sets, experiment)),
    )
    told = (*notes(report, (*identical(arms), *uncovered(arms))), *slice_notes(report), *responsible_notes(report))
    return replace(report, notes=(*told, *_without_curves(graph, artifacts, needed)))


def _without_curves(graph: Graph, artifacts: ArtifactReader, needed: Collection[str]) -> Iterator[str]:
    """A note on trained stages that had no need to run, as what was computed from them was there."""
    labels = [
        step.label
        for step in graph.steps
        if "training" in step.plain and step.digest not in needed and artifacts.folder(step) is None
    ]
    if labels:
        yield f"No learning curves of {', '.join(labels)}: what was computed from them was there, they were not."


def _stages_measured(arms: Sequence[Arm]) -> list[str]:
    """The stages after which PaLI is measured, in order. Pretrained components alone are in the transfer table."""
    names = [name for arm in arms for name in arm.steps]
    measured = sorted((kind for kind in STAGE.all() if kind.title), key=lambda kind: kind.stage)
    early = [kind.name for kind in measured if any(name.endswith(f"@{kind.name}") for name in names)]
    transfer = any("@" not in name and BENCHMARK.find(name).generated for name in names)
    return early + [TRANSFER] * (transfer or not early)


def _suffix(after: str) -> str:
    """The suffix of the names of steps that measure after this stage."""
    return "" if after == TRANSFER else f"@{after}"


def _table(
    after: str,
    arms: Sequence[Arm],
    artifacts: ArtifactReader,
    experiment: Experiment,
    published: PaperTable | None,
    sets: EvaluationSets,
) -> ResultTable:
    suffix = _suffix(after)
    sources = [source for source in experiment.evaluate if any(_key(source, suffix) in arm.steps for arm in arms)]
    columns = tuple(column for source in sources for column in columns_of(source, sets))
    measured = {
        arm.label: {column.name: _measure(arm, column, suffix, artifacts) for column in columns} for arm in arms
    }
    for column, parts in mean_columns(published, columns).items():
        columns += (column,)
        for each in measured.values():
            each[column.name] = _mean([each[part.name] for part in parts])
    columns = tuple(column for column in columns if any(each[column.name].applies for each in measured.values()))
    rows, by_label = [], {arm.label: arm for arm in arms}
    for arm in arms:
        control = control_of(arm, arms)
        cells = {}
        for column in columns:
            ours = measured[arm.label][column.name]
            cell = ours.cell()
            if arm.baseline:
                cell = _compare(cell, ours, measured[arm.baseline][column.name])
            if control in measured and column.benchmark.uses_encoder:
                cell = replace(cell, control=_against_control(ours, measured[control][column.name]))
            cell = _expected(cell, experiment, column)
            if column.is_cost:
                steps = arm.steps.get(column.source, {}).values()
                cell = replace(cell, conditions=conditions_of(column, steps, artifacts))
            if published and published.axis and _comparable(column.key, published, arm.settings, experiment):
                both = arm.settings, by_label[arm.baseline or arm.label].settings
                which, baseline = (str(_value(published.axis, settings, experiment)) for settings in both)
                cell = _beside(cell, published, which, baseline, column.key)
            cells[column.name] = cell
        sizes = encoder_sizes(arm, suffix, artifacts)
        own = {key: value for key, value in arm.settings.items() if key not in arm.point}
        rows.append(Row(arm.label, arm.point, arm.baseline, cells, arm.encoders(), sizes, own))
    return ResultTable(after, columns, tuple(rows))


@dataclass(frozen=True)
class _Measured:
    """One column of one arm: scores by seed, the reasons of failed seeds, and how many seeds are not measured yet."""

    scores: Mapping[int, EvalResult]
    reasons: tuple[str, ...]
    missing: int

    @property
    def applies(self) -> bool:
        """Whether the arm has this column: a set may lack some labels."""
        return bool(self.scores or self.reasons or self.missing)

    def cell(self) -> ResultCell:
        status: Status = "done"
        if self.reasons:
            status = "partial" if self.scores else "failed"
        elif self.missing:
            status = "partial" if self.scores else "missing"
        per_seed = {seed: score.value for seed, score in self.scores.items()}
        ours = interval(self.scores) if self.scores else None
        return ResultCell(status, per_seed=per_seed, ours=ours, reasons=self.reasons)


def _sets_of(arms: Sequence[Arm], experiment: Experiment) -> EvaluationSets:
    """The sets that the experiment measures on; where arms differ in them, all are named."""
    chosen = experiment.evaluation
    labelled, captioned = (
        " / ".join(dict.fromkeys(_name(arm.settings.get(f"evaluation.{key}", part)) for arm in arms))
        for key, part in (("labelled", chosen.labelled), ("captioned", chosen.captioned))
    )
    labels = {name: _label(BENCHMARK.find(name), arms, experiment) for name in experiment.evaluate}
    titles = {name: public_title(experiment, BENCHMARK.find(name)) for name in experiment.evaluate}
    return EvaluationSets(labelled, captioned, len(probe_sets(experiment)), labels, titles)


def _label(benchmark: Benchmark, arms: Sequence[Arm], experiment: Experiment) -> str:
    """What a benchmark is called by what its arms are measured on; all names where these differ."""
    steps = [step for arm in arms for name, seeds in arm.steps.items() for step in seeds.values()
             if name.partition("@")[0] == benchmark.name]  # fmt: skip
    names = dict.fromkeys(step.config.label for step in steps if isinstance(step.config, evaluate.Config))
    return " / ".join(names) or benchmark_label(experiment, benchmark)


def _name(part: object) -> str:
    """The name of a component, which a grid gives as a name or a mapping."""
    return str(part["name"]) if isinstance(part, Mapping) else str(getattr(part, "name", part))


def _value(key: str, settings: Mapping[str, object], experiment: Experiment) -> object:
    """The value of a dotted key under an arm's settings; "" where there is no such key."""
    section: object = experiment
    for name in key.split("."):
        section = getattr(section, name, "")
    value = settings.get(key, section)
    return value.name if isinstance(value, Component) else value


def _comparable(column: str, published: PaperTable, settings: Mapping[str, object], experiment: Experiment) -> bool:
    """Whether the paper measures a column under the settings of this arm."""
    conditions = published.conditions.get(column, {})
    return all(_value(key, settings, experiment) == wanted for key, wanted in conditions.items())


def _expected(cell: ResultCell, experiment: Experiment, column: ReportColumn) -> ResultCell:
    """Add the published number that the experiment expects, and whether ours is within its tolerance."""
    wanted = experiment.published.get(column.key)
    if wanted is None:
        return cell
    near = cell.ours and abs(cell.ours.mean - wanted.value) <= wanted.tolerance
    return replace(cell, expected=wanted, reached=None if near is None else "pass" if near else "gap")


def _measure(arm: Arm, column: ReportColumn, suffix: str, artifacts: ArtifactReader) -> _Measured:
    scores: dict[int, EvalResult] = {}
    reasons: list[str] = []
    missing = 0
    for seed, step in _distinct(arm.steps.get(_key(column.source, suffix), {})).items():
        if artifacts.folder(step) is not None:
            rows = artifacts.predictions(step) if column.part else []
            metrics = artifacts.metrics(step)
            if has_column(column, metrics):
                try:
                    scores[seed] = score_of(column, metrics, rows)
                except DataError as error:
                    reasons.append(f"seed {seed}: {step.label}: {error}")
        elif reason := artifacts.failure(step):
            reasons.append(f"seed {seed}: {reason}")
        else:
            missing += 1
    return _Measured(scores, tuple(reasons), missing)


def _mean(parts: Sequence[_Measured]) -> _Measured:
    """The mean of columns, of the seeds that all have; where one of them does not apply, neither does the mean."""
    missing = max(part.missing + len(part.reasons) for part in parts)
    if not all(part.applies for part in parts):
        return _Measured({}, (), 0)
    return _Measured(mean_scores([part.scores for part in parts]), (), missing)


def _distinct(steps: Mapping[int, Step]) -> dict[int, Step]:
    """The steps by seed. One that several seeds share is a single measurement: it is that of the first."""
    found: dict[str, tuple[int, Step]] = {}
    for seed, step in steps.items():
        found.setdefault(step.digest, (seed, step))
    return dict(found.values())


def _compare(cell: ResultCell, ours: _Measured, baseline: _Measured) -> ResultCell:
    """Add the difference to the baseline partner, over the seeds that both have."""
    if not ours.scores.keys() & baseline.scores.keys():
        return cell
    try:
        return replace(cell, delta=delta(ours.scores, baseline.scores))
    except StageError as error:
        return replace(cell, reasons=(*cell.reasons, f"no difference: {error}"))


def _against_control(ours: _Measured, control: _Measured) -> Control | None:
    """On which side of zero the 95% interval of the difference to random weights lies."""
    try:
        difference = delta(ours.scores, control.scores)
    except StageError:
        return None
    if difference.method == "none":
        return "undecided"
    return "above" if difference.low > 0 else "below" if difference.high < 0 else "undecided"


def _beside(cell: ResultCell, published: PaperTable, arm: str, baseline: str, column: str) -> ResultCell:
    """Add the paper's numbers for the same arms, and whether ours follow them."""
    cell = replace(cell, paper=published.absolute(arm, column))
    theirs = published.delta(arm, baseline, column) if arm != baseline else None
    judged: Verdict | None = None
    if cell.ours and cell.delta and theirs:
        # Rows that answer alike (always wrongly, say) would agree with a paper that sees no difference.
        identical = cell.delta.high - cell.delta.low < 0.1  # printed as 0.0
        judged = "undecided" if identical else verdict(cell.delta, theirs.value)
    return replace(cell, paper_delta=theirs, verdict=judged)


def _key(source: str, suffix: str) -> str:
    """The name of a step; what measures a pretrained component alone is the same after every stage."""
    return source + suffix if BENCHMARK.find(source).generated else source


def _stage(step: Step, artifacts: ArtifactReader, needed: bool) -> Stage:
    """A step as the report shows it. One that nothing needs counts as done, as what was computed from it is there."""
    reason = artifacts.own_failure(step)
    status: Status = "failed" if reason else "missing" if needed else "done"
    return Stage(step.kind, step.label, step.seed, step.digest, status, reason, artifacts.skipped(step))
