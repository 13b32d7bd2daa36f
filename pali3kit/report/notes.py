"""The notes below the tables: limits, provenance and failures, computed from the report so that none is left out."""

from __future__ import annotations

from collections.abc import Iterable

from pali3kit.errors import counted
from pali3kit.report.costs import cost_notes
from pali3kit.report.embedded import embedded_notes, measured_benchmarks
from pali3kit.report.frames import frame_notes
from pali3kit.report.model import Report, ResultTable, Row
from pali3kit.report.ocr import ocr_notes
from pali3kit.report.paper import LEGEND, PublishedRow

SMOKE = "Scale smoke shows that everything runs: its numbers mean nothing."
LOSS = (
    "The held-out loss is in nats per target token, the mean over UL2's modes R, S and X: a negative difference is a "
    "gain. It compares language models over one tokenizer, on windows of one length."
)
TEMPLATES = (
    "The embedded world's held-out text is drawn with another seed from the same templates as the training text: some "
    "of its short texts occur there too."
)


def notes(report: Report, uncovered: Iterable[str] = ()) -> Iterable[str]:
    """Yield limits, provenance, failures, and the columns that do not follow the paper or are not above the control.

    `uncovered` says which stages the intervals do not cover.
    """
    yield from _failures(report)
    if report.config["scale"] == "smoke":
        yield SMOKE
    for table in report.tables:
        yield from _against_the_paper(table)
        yield from _against_the_control(table)
        yield from _published(table)
    yield from _unmeasured(report)
    yield from _skipped(report)
    yield from _settings(report)
    yield from ocr_notes(report)
    yield from frame_notes(report)
    yield from cost_notes(report)
    yield from _languages(report)
    yield from _few_answers(report)
    yield from _uncertainty(report)
    yield from uncovered
    yield from _limits(report)
    if checks := report.config["stages"]["transfer"].get("num_validations"):
        own = "by their own score on images that are not trained on"
        yield f"Transfers end with the best of {checks} validations, {own}."
    losses = any(
        column.benchmark.scored == "loss" and column.benchmark.lower_is_better
        for table in report.tables
        for column in table.columns
    )
    if losses:
        yield LOSS
    yield from embedded_notes(report)
    if losses and report.config["data"]["source"]["name"] == "world":
        yield TEMPLATES
    yield from _footnotes(report)
    if report.published is not None and report.published.has_arms:
        yield "Verdicts judge the direction of a difference only: sizes at another scale cannot be compared."
    if any(_marks(report)):
        yield f"{LEGEND}."


def _columns(report: Report) -> set[str]:
    """The keys of all columns in the paper's tables."""
    return {column.key for table in report.tables for column in table.columns}


def _systems(report: Report) -> list[PublishedRow]:
    """The paper's systems that are printed beside our rows."""
    return report.published.systems(_columns(report)) if report.published else []


def _footnotes(report: Report) -> Iterable[str]:
    """What the numbers of systems are measured on, which ours need not be, and the paper's remarks on them."""
    if systems := _systems(report):
        assert report.published
        printed = _columns(report) & {name for system in systems for name in system.numbers}
        printed -= {*report.published.means}
        sets = ", ".join(title for name, title in report.published.columns.items() if name in printed)
        yield f"The other systems' numbers are those of {report.published.title}, on {sets}."
    yield from (f"{system.label}: {system.note}." for system in _systems(report) if system.note)


def _settings(report: Report) -> Iterable[str]:
    """How columns of the encoder alone are measured: without it their numbers cannot be compared."""
    for benchmark in sorted(measured_benchmarks(report), key=lambda each: each.name):
        if benchmark.setting:
            yield benchmark.setting.format(**report.config["evaluation"])
    if languages := {one.name.partition("/")[2] for one in report.details if one.name.startswith("i2t@1/")}:
        images = [
            cell.ours.n
            for table in report.tables
            for row in table.rows
            for column in table.columns
            if column.source == "retrieval" and (cell := row.cells[column.name]).ours
        ]
        of = f", of {counted(min(images), 'image')} with captions" if images else ""
        yield f"Retrieval: the mean over {counted(len(languages), 'language')}{of}."


def _languages(report: Report) -> Iterable[str]:
    """For columns that have every language of the data: how many languages, and images of each."""
    for name, counts in _details_by_column(report, "images / ").items():
        english, others = counts.pop("en", 0.0), sorted(counts.values())
        means = f"there {'is' if english == 1 else 'are'} {counted(english, 'image')} in English"
        if others:
            each = f"{others[0]:g}" + (f" to {others[-1]:g}" if others[0] != others[-1] else "")
            many = counted(len(others), "other language")
            yield f"{name}: {means}; avg35 is the mean over {many}, of {each} image{'s' * (others[-1] != 1)} each."
        else:
            yield f"{name}: {means}, and none in another language."


def _few_answers(report: Report) -> Iterable[str]:
    """Questions with too few answers for VQA accuracy, which leaves each of ten annotators out in turn."""
    for name, counts in _details_by_column(report, "questions with ").items():
        if one := counts.get("one answer"):
            asked = counted(one, "question")
            yield f"{name}: {asked} with one answer: exact match with it, normalised, not VQA accuracy."
        if few := counts.get("two or three answers"):
            asked = counted(few, "question")
            yield f"{name}: {asked} with two or three answers, to which VQA accuracy gives 67% at most."


def _details_by_column(report: Report, begin: str) -> dict[str, dict[str, float]]:
    """The further numbers whose names begin so: by column and the rest of the name, the least of all rows."""
    found: dict[str, dict[str, float]] = {}
    for detail in report.details:
        if detail.name.startswith(begin):
            found.setdefault(detail.column, {})[detail.name.removeprefix(begin)] = min(detail.values.values())
    return found


def _published(table: ResultTable) -> Iterable[str]:
    """Where published numbers are expected, and which were not reached."""
    for row in table.rows:
        for column in table.columns:
            cell = row.cells[column.name]
            if cell.expected and cell.reached:
                near = "within" if cell.reached == "pass" else "NOT within"
                text = f"{near} {cell.expected.tolerance:g} of {cell.expected.value:g} ({cell.expected.source})"
                yield f"{row.label}, {column.title}: {text}: {cell.reached}."


def _unmeasured(report: Report) -> Iterable[str]:
    """Expected numbers that could not be measured, since the set lacks such labels."""
    columns = _columns(report)
    for name, expected in report.config["published"].items():
        if name not in columns:
            published = f"published as {expected['value']:g} ({expected['source']})"
            every = name.partition(".")[0] in [each.name for each in measured_benchmarks(report) if each.every_language]
            yield f"{name}, {published}, is not measured: the set has no such {'captions' if every else 'labels'}."


def _skipped(report: Report) -> Iterable[str]:
    for stage in report.stages:
        if stage.skipped:
            listed = f"skipped.txt of {stage.kind}-{stage.digest[:12]}"
            yield f"{stage.label}: left out, as unreadable: {counted(stage.skipped, 'sample')} ({listed})."


def _failures(report: Report) -> Iterable[str]:
    reasons: dict[str, list[str]] = {}
    for table in report.tables:
        for row in table.rows:
            for column in table.columns:
                for reason in row.cells[column.name].reasons:
                    where = f"{row.label} / {column.title}"
                    reasons.setdefault(reason, []).append(where)
    for reason, places in reasons.items():
        shown = ", ".join(list(dict.fromkeys(places))[:3]) + (", …" if len(set(places)) > 3 else "")
        yield f"Failed: {reason} ({shown})."


def _against_the_paper(table: ResultTable) -> Iterable[str]:
    for row in table.rows:
        titles = {kind: _titles(table, row, verdict=kind) for kind in ("follows", "does not", "undecided")}
        if any(titles.values()):
            parts = [f"{kind} in {', '.join(where)}" for kind, where in titles.items() if where]
            yield f"{table.title}, {row.label} against the paper: {'; '.join(parts)}."


def _against_the_control(table: ResultTable) -> Iterable[str]:
    for row in table.rows:
        if where := _titles(table, row, control="below") + _titles(table, row, control="undecided"):
            yield f"{table.title}, {row.label} is not clearly above random weights in {', '.join(where)}."


def _uncertainty(report: Report) -> Iterable[str]:
    cells = [cell for table in report.tables for row in table.rows for cell in row.cells.values()]
    methods = {cell.ours.method for cell in cells if cell.ours}
    if "t over seeds" in methods:
        yield (
            "Intervals: 95%, Student's t over seeds; differences are paired by seed. All seeds are measured on one "
            "test set: what another one would change is not in them."
        )
    if "bootstrap over samples" in methods:
        yield (
            "Intervals: 95%, bootstrap over test samples, paired by sample; with fewer than 3 seeds they know "
            "nothing of the noise of training."
        )


def _limits(report: Report) -> Iterable[str]:
    """The highest score that regions can reach: the codec of boxes and masks loses detail."""
    found = {name: [d for d in report.details if d.name == name] for name in ("oracle", "reconstruction")}
    if all(found.values()):
        oracle, crops = (", ".join(f"{d.column} {_span(d.values.values())}" for d in each) for each in found.values())
        yield (
            f"Regions: true boxes and masks, written as text and read back, score {oracle}; the mask tokenizer alone,"
            f" on the same masks' 64x64 crops: {crops}."
        )


def _span(values: Iterable[float]) -> str:
    texts = [f"{value:.1f}" for value in sorted(values)]
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"


def _titles(table: ResultTable, row: Row, **wanted: str) -> list[str]:
    ((name, value),) = wanted.items()
    return [column.title for column in table.columns if getattr(row.cells[column.name], name) == value]


def _marks(report: Report) -> Iterable[str]:
    for table in report.tables:
        for row in table.rows:
            for cell in row.cells.values():
                yield from (one.mark for one in (cell.paper, cell.paper_delta) if one is not None)
    for system in _systems(report):
        yield from (number.mark for name, number in system.numbers.items() if name in _columns(report))
