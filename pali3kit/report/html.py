"""The report as one self-contained HTML page: no request leaves it and it needs no script.

The page is `page.html.j2`, the examples in it `gallery.html.j2`. Both escape everything by default, so that no text of
the data becomes markup; the exceptions are `Markup`: charts, which escape their own texts.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from pali3kit.config.written import written
from pali3kit.errors import DataError, StorageError
from pali3kit.registry import SOURCE
from pali3kit.report.axis_chart import axis_chart
from pali3kit.report.charts import DASHES, curve_panels, curve_seeds, delta_chart, figure_chart, series
from pali3kit.report.correlation import NOTE, correlation_table
from pali3kit.report.encoder_size import size_columns, size_sentence
from pali3kit.report.leaderboard import BOARD_NOTE, Leaderboard
from pali3kit.report.leaderboard_chart import leaderboard_chart
from pali3kit.report.model import Report, Timings
from pali3kit.report.paper import LEGEND, PublishedNumber
from pali3kit.report.slice_text import slice_grids
from pali3kit.report.table import ABSENT, lines, number

RIGHT_FROM = 50.0  # the score of an answer that is shown as right
LONGEST_ANSWER = 60  # characters of an answer that should have been a region
LARGEST_SIDE = 640  # pixels of an embedded image

_Images = Mapping[tuple[str, int, int], Image.Image]
"""By `GalleryExample.image_keys`."""


def _draw_images(report: Report) -> dict[tuple[str, int, int], Image.Image]:
    """Draw the test images of the gallery with the sources, and at the size, that they were evaluated with."""
    found: dict[tuple[str, int, int], Image.Image] = {}
    data, wanted = report.config["data"], {key for example in report.gallery for key in example.image_keys}
    frames = {example.source: example.frames for example in report.gallery if example.frames}
    for own, size in sorted({(own, size) for own, _, size in wanted}):
        options = dict(data["benchmarks"][own] if own else data["source"])
        if own in frames:
            options["frames"] = frames[own]
        source: Any = SOURCE.build(options.pop("name"), image_size=size, **options)
        for index in sorted(index for each, index, width in wanted if (each, width) == (own, size)):
            with suppress(DataError, StorageError):  # deleted or damaged since, or its server is busy: shown without it
                found[own, index, size] = Image.fromarray(source.image("test", index))
    return found


def page(report: Report, timings: Timings, images: _Images | None = None) -> str:
    """The whole report as HTML. `images` are those of the gallery; drawn by the experiment's source if not given."""
    rows = report.tables[0].rows if report.tables else ()
    labels = [row.label for row in rows]
    charts = [(table.title, delta_chart(report, table)) for table in report.tables]
    return render_page(
        "page.html.j2",
        report=report,
        timings=timings,
        images=_draw_images(report) if images is None else images,
        labels=labels,
        compared=[row.label for row in rows if row.baseline],
        colours=series(labels),
        slices=list(slice_grids(report)),
        along=[(table, axis_chart(report, table), correlation_table(table)) for table in report.tables],
        boards=[(table, board) for table in report.tables if (board := Leaderboard.of(table))],
        differences=[(title, chart) for title, chart in charts if chart],
        panels=list(curve_panels(report)),
        curve_seeds=curve_seeds(report),
        shared=any(curve.label == "shared" for curve in report.curves),
        gallery=[(title, list(examples)) for title, examples in groupby(report.gallery, lambda each: each.title)],
        details={detail.column: _details(report, detail.column, labels) for detail in report.details},
        costs=_costs(timings),
        config=yaml.safe_dump(written(report.config), sort_keys=False, allow_unicode=True),
    )


def render_page(template: str, **values: object) -> str:
    """A page of one of this package's templates, in which every text is escaped."""
    return _TEMPLATES.get_template(template).render(values)


def _details(report: Report, column: str, labels: list[str]) -> list[list[str]]:
    """The numbers behind a column, a row each: its name, then its value in every row of the report."""
    shown = [detail for detail in report.details if detail.column == column]
    digits = shown[0].benchmark.digits
    return [
        [
            one.name,
            *(number(one.values[label], digits=digits) if label in one.values else ABSENT for label in labels),
        ]
        for one in shown
    ]


def _costs(timings: Timings) -> list[tuple[str, int, float, str]]:
    """By kind of stage: how many artifacts, their seconds, and the width of a bar."""
    seconds: dict[str, list[float]] = {}
    for stage in timings["stages"]:
        seconds.setdefault(stage["kind"], []).append(stage["seconds"])
    longest = max(map(sum, seconds.values()), default=0.0) or 1.0
    return [(kind, len(each), sum(each), f"{100 * sum(each) / longest:.1f}%") for kind, each in seconds.items()]


def _published_number(found: PublishedNumber | None) -> str:
    return number(found.value) + found.mark if found else ABSENT


def _data_uri(image: Image.Image) -> str:
    """A photograph made smaller, which is shown at its own size."""
    shown, buffer = image.copy(), io.BytesIO()
    shown.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    shown.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _image_id(key: tuple[str, int, int]) -> str:
    """The id of an embedded image: `image-vqav2-3-64`, or `image-3-64` of `data.source`."""
    return "-".join(("image", *map(str, filter(lambda part: part != "", key))))


def _breakable(title: str) -> Markup:
    """A title that may be broken after a slash, so that the columns of a wide table are narrow."""
    return Markup("/<wbr>").join(title.split("/"))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_ANSWER else text[: LONGEST_ANSWER - 1] + "…"


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours: `9.7 s`, `12 min 05 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "image_id": _image_id,
    "duration": duration,
    "data_uri": _data_uri,
    "short": _short,
    "breakable": _breakable,
}
_TEMPLATES.globals |= {
    "BOARD_NOTE": BOARD_NOTE,
    "CORRELATION": NOTE,
    "DASHES": DASHES,
    "LEGEND": LEGEND,
    "RIGHT_FROM": RIGHT_FROM,
    "lines": lines,
    "number": number,
    "size_columns": size_columns,
    "size_sentence": size_sentence,
    "figure_chart": figure_chart,
    "leaderboard_chart": leaderboard_chart,
    "published_number": _published_number,
}
