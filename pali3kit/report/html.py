"""One self-contained page: no request leaves it and it needs no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

import yaml

from pali3kit.config.written import written
from pali3kit.report import charts, paper, table
from pali3kit.report.figure_charts import figure_chart
from pali3kit.report.gallery import Pictures, defined, gallery
from pali3kit.report.model import Report, Table, Timings

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(report: Report, timings: Timings, images: Pictures) -> str:
    """The whole report as HTML. `timings` as `write.timings` makes them; `images` by test index, may be empty."""
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")
    sections = [
        _head(report),
        *(_headline(report, one) for one in report.tables),
        _section("What must be said with it", _items(report.notes)),
        _differences(report),
        _figures(report),
        _curves(report),
        _gallery(report, images),
        _details(report),
        _cost(timings),
        _provenance(report),
        _how(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(report.name)}</title><style>\n{style}</style></head>\n"
        f"<body>{defined(images)}<main>\n" + "\n".join(filter(None, sections)) + "\n</main></body></html>\n"
    )


def _head(report: Report) -> str:
    rows = report.tables[0].rows if report.tables else ()
    arms = " · ".join(escape(row.label) for row in rows)
    seeds = ", ".join(map(str, report.seeds))
    facts = f"{arms} · scale {escape(str(report.config['scale']))} · seed{'s' * (len(report.seeds) > 1)} {seeds}"
    alarm = ""
    if failed := [stage for stage in report.stages if stage.status == "failed"]:
        alarm = f'<p class="alarm">{len(failed)} of {len(report.stages)} stages failed: the table shows where.</p>'
    return f'<header><h1>{escape(report.name)}</h1><p class="lead">{facts}</p>{alarm}</header>'


def _headline(report: Report, measured: Table) -> str:
    head = "".join(
        f'<th scope="col">{escape(column.title)}<span class="metric">{escape(column.metric)}</span></th>'
        for column in measured.columns
    )
    body, before = [], "ours"
    for line in table.lines(report, measured):
        cells = "".join(_cell(text, line.kind) for text in line.cells)
        classes = f"{line.kind}{' first' if line.kind != before else ''}"
        body.append(f'<tr class="{classes}"><th scope="row">{escape(line.label)}</th>{cells}</tr>')
        before = line.kind
    grid = f'<div class="scroll"><table class="headline"><thead><tr><th></th>{head}</tr></thead>'
    explained = f"{table.DELTA} difference to the baseline · ± half of the 95% interval"
    if report.published:
        explained += f" · {paper.LEGEND}"
    legend = f'<p class="small">{explained}</p>'
    return _section(measured.title, f"{grid}<tbody>{''.join(body)}</tbody></table></div>{legend}")


def _cell(text: str, kind: str) -> str:
    if kind in ("verdict", "control"):
        return f'<td class="{text.replace(" ", "-")}">{escape(text)}</td>'
    if text == "failed":
        return '<td class="failed">failed</td>'
    value, sign, rest = text.partition(" ± ")
    return f"<td>{escape(value)}" + (f'<br><span class="pm">± {escape(rest)}</span>' if sign else "") + "</td>"


def _differences(report: Report) -> str:
    drawn = [(one, charts.delta_chart(report, one)) for one in report.tables]
    cards = "".join(f"<h3>{escape(one.title)}</h3><div class='card'>{chart}</div>" for one, chart in drawn if chart)
    if not cards:
        return ""
    keys = _legend(report, [row.label for row in report.tables[0].rows if row.baseline])
    if report.published:
        mark = f"the paper's difference, {escape(report.published.vit)} ({paper.LEGEND})"
        keys = keys.replace("</div>", f'<span><span class="key diamond"></span>{mark}</span></div>')
    intro = '<p class="small">Points of accuracy, recall, CIDEr × 100 or mIoU × 100; whiskers are 95% intervals.</p>'
    return _section("Differences to the baseline", intro + keys + cards)


def _curves(report: Report) -> str:
    panels = "".join(f'<div class="card">{panel}</div>' for panel in charts.curve_panels(report))
    if not panels:
        return ""
    keys = _legend(report, [row.label for row in report.tables[0].rows])
    if any(curve.label == "shared" for curve in report.curves):
        keys = keys.replace("</div>", '<span><span class="key shared"></span>shared by all rows</span></div>')
    return _section("Learning curves", f'<p class="small">Training loss.</p>{keys}<div class="panels">{panels}</div>')


def _figures(report: Report) -> str:
    if not report.figures:
        return ""
    labels = [row.label for row in report.tables[0].rows]
    colours = charts.series(labels)
    cards = "".join(
        f"<h3>{escape(figure.title)}</h3><div class='card'>{figure_chart(figure, colours)}</div>"
        for figure in report.figures
    )
    return _section("Shots and languages", f'<p class="small">Percent.</p>{_legend(report, labels)}{cards}')


def _gallery(report: Report, images: Pictures) -> str:
    if not report.gallery:
        return ""
    intro = (
        '<p class="small">Test examples spread evenly over the test set, not chosen by eye; first seed. '
        "Numbers beside an answer are its own score.</p>"
    )
    return _section("What they answered", intro + gallery(report, images))


def _details(report: Report) -> str:
    labels = [row.label for row in report.tables[0].rows] if report.tables else []
    blocks = []
    for column in dict.fromkeys(detail.column for detail in report.details):
        digits = next(one.benchmark.digits for one in report.details if one.column == column)
        rows = [
            [
                detail.name,
                *(
                    table.number(detail.values[label], digits=digits) if label in detail.values else table.ABSENT
                    for label in labels
                ),
            ]
            for detail in report.details
            if detail.column == column
        ]
        grid = _grid(["", *labels], rows)
        blocks.append(f"<details><summary>{escape(column)} ({len(rows)} numbers)</summary>{grid}</details>")
    return _section("Behind the columns", "".join(blocks)) if blocks else ""


def _cost(timings: Timings) -> str:
    stages = timings["stages"]
    if not stages:
        return ""
    kinds: dict[str, float] = {}
    for stage in stages:
        kinds[stage["kind"]] = kinds.get(stage["kind"], 0.0) + stage["seconds"]
    longest = max(kinds.values()) or 1.0
    rows = "".join(
        f"<tr><th scope='row'>{escape(kind)}</th><td>{sum(stage['kind'] == kind for stage in stages)}</td>"
        f"<td>{_duration(seconds)}</td>"
        f'<td><span class="meter" style="width:{100 * seconds / longest:.1f}%"></span></td></tr>'
        for kind, seconds in kinds.items()
    )
    head = "<thead><tr><th>stage</th><th>artifacts</th><th>wall time</th><th></th></tr></thead>"
    single = _grid(
        ["stage", "wall time", "threads", "processor"],
        [[s["label"], _duration(s["seconds"]), str(s["threads"]), str(s["processor"])] for s in stages],
    )
    spent = _duration(timings["seconds"])
    total = f'<p class="small">Sum over stages: {spent}; stages run side by side where they can.</p>'
    grid = f'<div class="scroll"><table class="cost">{head}<tbody>{rows}</tbody></table></div>'
    return _section("Cost", f"{total}{grid}<details><summary>every artifact</summary>{single}</details>")


def _provenance(report: Report) -> str:
    if report.published is None:
        return ""
    shown = report.published
    claims = _items(f"{claim.text} [{claim.provenance}]" for claim in shown.claims)
    text = (
        f"<p>{escape(shown.title)}: {escape(shown.citation)}; {escape(shown.setting)}. "
        f"Rows of ViT-{escape(shown.vit)}. Each number carries its provenance in <code>report.json</code>; "
        f"{paper.LEGEND}.</p>"
    )
    rows = [[row.label, *(_number(row.numbers.get(name)) for name in shown.columns)] for row in shown.rows]
    grid = _grid(["", *shown.columns.values()], rows)
    every = f"<details><summary>all {len(shown.rows)} rows of it</summary>{grid}</details>"
    return _section("The paper's numbers", f"{text}{every}<p>What its text says in words:</p>{claims}")


def _number(shown: paper.Number | None) -> str:
    return table.number(shown.value) + shown.mark if shown else table.ABSENT


def _how(report: Report) -> str:
    versions = ", ".join(f"{escape(name)} {escape(version)}" for name, version in report.versions.items())
    config = escape(yaml.safe_dump(written(report.config), sort_keys=False, allow_unicode=True))
    stages = _grid(
        ["stage", "seed", "state", "digest"],
        [[stage.label, str(stage.seed), stage.status, stage.digest[:12]] for stage in report.stages],
    )
    body = (
        f"<p>Versions: {versions or 'no artifact yet'}.</p>"
        f"<details><summary>the experiment</summary><pre>{config}</pre></details>"
        f"<details><summary>{len(report.stages)} stages and their digests</summary>{stages}</details>"
    )
    return _section("How it was run", body)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _items(texts: Iterable[str]) -> str:
    return f'<ul class="notes">{"".join(f"<li>{escape(text)}</li>" for text in texts)}</ul>'


def _legend(report: Report, labels: Sequence[str]) -> str:
    colours = charts.series([row.label for row in report.tables[0].rows])
    keys = (f'<span><span class="key {colours[label]}"></span>{escape(label)}</span>' for label in labels)
    return f'<div class="legend">{"".join(keys)}</div>'


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
