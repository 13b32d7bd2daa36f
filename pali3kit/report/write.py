"""Reports as files. A file is rewritten only when its bytes change, so that a run that did nothing touches nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pali3kit import durable
from pali3kit.catalogue import STAGE
from pali3kit.config import saved
from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError
from pali3kit.execution.store import Store
from pali3kit.plan.graph import Graph, build
from pali3kit.report.axis_chart import axis_chart, svg_file
from pali3kit.report.collect import collect
from pali3kit.report.escaping import escape_invisible
from pali3kit.report.html import page
from pali3kit.report.joined import join_reports
from pali3kit.report.latex import to_latex
from pali3kit.report.leaderboard import Leaderboard
from pali3kit.report.leaderboard_chart import leaderboard_chart
from pali3kit.report.markdown import board_file, chart_file, to_markdown
from pali3kit.report.model import Report, ResultTable, Timings
from pali3kit.report.outcomes import OUTCOMES, outcomes_of, read_outcomes
from pali3kit.report.table_csv import to_csv

DIGITS = 6
_MOST = 5  # artifacts that a message names
_OBJECT = re.compile(r'\{"(label|kind)":')  # begins a row or a stage: within strings, quotes are escaped


def write_report(report: Report, folder: Path, experiment: Experiment, timings: Timings) -> list[Path]:
    """Write report.{json,csv,md,tex,html}, charts along a numeric axis (report-STAGE.svg), leaderboards of encoders
    (leaderboard-STAGE.{svg,json}), outcomes.json, timings.json and experiment.yaml; return the files that changed.

    All but timings.json and the cost section of report.html are equal for equal runs, if these measure no `throughput`:
    that, with its fronts and notes, is another at each measurement.
    """
    texts = {
        **_pages(report, timings),
        saved.REPORT: escape_invisible(_as_json(asdict(report))),
        OUTCOMES: escape_invisible(_as_lines(outcomes_of(report))),
        "timings.json": escape_invisible(_as_json(timings)),
        saved.EXPERIMENT: saved.to_yaml(experiment),
    }
    return _write(folder, texts)


def redraw(file: Path, benchmarks: Collection[str] = (), others: Sequence[Path] = ()) -> Report:
    """Write the pages, tables and charts of an outcomes file to the folder that has its name without suffix.

    With `benchmarks`, of their columns alone. `others` are outcomes of further parts of the same experiment, which are
    joined with it; outcomes.json of all is written too. Raises DataError where a file is damaged or does not belong to
    the others, or has none of the columns.
    """
    report = join_reports([read_outcomes(each) for each in (file, *others)])
    if benchmarks:
        tables = tuple(filter(None, (_narrowed(table, benchmarks) for table in report.tables)))
        slices = tuple(each for each in report.slices if each.benchmark.name in benchmarks)
        report = replace(report, tables=tables, slices=slices)
        if not report.tables:
            raise DataError(f"{file} has no columns of {', '.join(benchmarks)}.")
    texts = _pages(report, {"seconds": 0.0, "stages": []})
    if others:
        texts[OUTCOMES] = escape_invisible(_as_lines(outcomes_of(report)))
    _write(file.with_suffix(""), texts)
    return report


def _narrowed(table: ResultTable, benchmarks: Collection[str]) -> ResultTable | None:
    """A table with the columns of these benchmarks; None if it has none."""
    columns = tuple(column for column in table.columns if column.benchmark.name in benchmarks)
    return replace(table, columns=columns) if columns else None


def _pages(report: Report, timings: Timings) -> dict[str, str]:
    """What people read, by file name, and leaderboards as JSON."""
    boards = {table.after: board for table in report.tables if (board := Leaderboard.of(table))}
    drawn = {chart_file(table.after): axis_chart(report, table) for table in report.tables}
    drawn |= {board_file(after): leaderboard_chart(board) for after, board in boards.items()}
    drawn = {name: chart for name, chart in drawn.items() if chart}
    return {
        "report.csv": escape_invisible(to_csv(report)),
        "report.md": to_markdown(report, drawn),
        "report.tex": to_latex(report),
        "report.html": escape_invisible(page(report, timings)),
        **{name: escape_invisible(svg_file(chart)) for name, chart in drawn.items()},
        **{_board_json(after): escape_invisible(_as_json(board.plain())) for after, board in boards.items()},
    }


def _board_json(after: str) -> str:
    return f"leaderboard-{after}.json"


def _write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write files by name, and remove charts and leaderboards of an earlier report; return the files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    durable.remove_partials(folder)
    names = {name(kind.name) for kind in STAGE.all() for name in (chart_file, board_file, _board_json)}
    for earlier in names - texts.keys():
        (folder / earlier).unlink(missing_ok=True)
    return [folder / name for name, text in texts.items() if _write_if_changed(folder / name, text)]


def rebuild(folder: Path) -> Report:
    """Write the report of a run folder again, from its saved experiment and the store; nothing is trained.

    Reasons of failures are taken from the report that is there. Raises DataError when the folder is no run's, or
    when artifacts that it rests on are not found: an incomplete report would replace it.
    """
    return _report_again(saved.read_experiment(folder), folder)


def report_store(experiment: Experiment) -> Report:
    """Write the report of as much of an experiment as the store has, to the folder of its runs; nothing is trained.

    Raises DataError when there is no store, or when artifacts are not found on which the report that is there rests.
    """
    return _report_again(experiment, Path(experiment.runtime.runs) / experiment.name, other=True)


def _report_again(experiment: Experiment, folder: Path, other: bool = False) -> Report:
    """`other`: the report that is there may be of other cells, as it was run with other seeds or another grid."""
    graph, store = build(experiment), Store.of(experiment.runtime, saved.find_store(experiment, folder))
    before = _stages(folder / saved.REPORT, {"digest", "status", "reason"})
    report = collect(graph, store, experiment, {one["digest"]: one["reason"] for one in before if one["reason"]})
    told = {one["digest"] for one in before if one["status"] == "done"}
    if other:
        told &= {step.digest for step in graph.steps}
    rested = {one["digest"] for one in _stages(folder / "timings.json", {"digest"})}  # an unneeded one may be lost too
    done = {stage.digest for stage in report.stages if stage.status == "done"}
    if lost := told - (done - (rested - {step.digest for step in graph.steps if store.done(step)})):
        raise DataError(
            f"{len(lost)} of the {len(told)} artifacts of {folder} are gone ({_lost(lost, graph, store)}): the report "
            f"is left as it is. Run the experiment again.{_reasons(graph, store)}"
        )
    write_report(report, folder, experiment, timings(graph, store))
    return report


def _lost(digests: Collection[str], graph: Graph, store: Store) -> str:
    """Which artifacts are gone, and where they were looked for; those that no step has any more are counted."""
    labels = [step.label for step in graph.steps if step.digest in digests]
    shown = ", ".join(labels[:_MOST]) + (f" and {len(labels) - _MOST} more" if labels[_MOST:] else "")
    places = ", ".join([str(store.root), *(place.name for place in store.places)])
    found = [f"{shown}: not in {places}, or damaged"] if labels else []
    if moved := len(digests) - len(labels):
        found.append(f"{moved} of another version of the code")
    return "; ".join(found)


def _reasons(graph: Graph, store: Store) -> str:
    """What is known of artifacts that are not found, a line each."""
    damages = [store.damage(step) for step in graph.steps if store.path(step).exists()]
    absent = [f"{place} of runtime.read_from is not there" for place in store.absent_places()]
    return "".join(f"\n{line}" for line in [*filter(None, damages), *store.passed_over, *absent])


def timings(graph: Graph, store: Store) -> Timings:
    """Read from the manifests what each artifact cost: wall seconds, threads and the processor it was made on."""
    found: Timings = {"seconds": 0.0, "stages": []}
    for step in filter(store.done, graph.steps):
        manifest = store.manifest(step)
        host = manifest["host"]
        found["seconds"] += manifest["seconds"]
        found["stages"].append(
            {
                "kind": step.kind,
                "label": step.label,
                "digest": step.digest,
                "seconds": manifest["seconds"],
                "threads": manifest["threads"],
                "processor": host["processor"],
                "cores": host["cores"],
                "place": store.place(step) if store.path(step).parent != store.root else "",
            }
        )
    return found


def _as_json(value: object) -> str:
    """Canonical JSON: sorted keys, floats rounded to DIGITS, no NaN (null), one newline at the end."""
    return json.dumps(_rounded(value), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _as_lines(value: object) -> str:
    """JSON with a line for each row of a table and each stage, rounded as `_as_json`; keys keep their order."""
    text = json.dumps(_rounded(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _OBJECT.sub(r"\n\g<0>", text) + "\n"


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, float):
        return round(value, DIGITS) + 0.0 if value - value == 0 else None
    return value


def _stages(path: Path, keys: Collection[str]) -> list[dict[str, str]]:
    """The stages with these keys in a file of an earlier report; none where there is no report."""
    if not path.exists():
        return []
    try:
        stages = list(json.loads(path.read_bytes())["stages"])
    except (ValueError, KeyError, TypeError, RecursionError):  # damaged: it will be replaced
        return []
    return [one for one in stages if isinstance(one, dict) and set(keys) <= one.keys()]


def _write_if_changed(path: Path, text: str) -> bool:
    """Replace the file atomically: no reader sees half of it, and a kill leaves the old one."""
    data = text.encode("utf-8", "replace")  # a prediction may hold half of a surrogate pair
    if path.exists() and path.read_bytes() == data:
        return False
    durable.write_atomically(path, data)
    return True
