"""The gallery: pictures with every row's answers beside each other, boxes and masks drawn over them as vectors."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from itertools import groupby
from typing import Any

from PIL import Image

from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.report.charts import series
from pali3kit.report.model import Answer, Example, Region, Report
from pali3kit.report.table import number

RIGHT_FROM = 50.0
MOST_SIDE = 640  # pixels of an embedded picture


Key = tuple[str, int, int]
Pictures = Mapping[Key, Image.Image]
"""By the benchmark that has a source of its own ("": `data.source`), index and size."""


def pictures(report: Report) -> dict[Key, Image.Image]:
    """Draw the test images that the gallery shows, with the source and as large as they were measured."""
    found: dict[Key, Image.Image] = {}
    data, wanted = report.config["data"], {_key(example) for example in report.gallery}
    for own, size in sorted({(own, size) for own, _, size in wanted}):
        options = dict(data["benchmarks"][own] if own else data["source"])
        source: Any = SOURCE.build(options.pop("name"), image_size=size, **options)
        for index in sorted(index for each, index, width in wanted if (each, width) == (own, size)):
            with suppress(DataError):  # gone or damaged since it was measured: the answers are shown without it
                found[own, index, size] = Image.fromarray(source.image("test", index))
    return found


def _key(example: Example) -> Key:
    """Where an example's image is kept."""
    return example.source, example.image, example.size


def _id(own: str, index: int, size: int) -> str:
    """The id of an embedded image."""
    return "-".join(filter(None, ("picture", own, str(index), str(size))))


def defined(images: Pictures) -> str:
    """Embed every picture once, at its own size: the gallery refers to it and enlarges it without smoothing."""
    parts = [
        f'<image id="{_id(*key)}" width="{image.width}" height="{image.height}" href="{_data_uri(image)}"/>'
        for key, image in images.items()
    ]
    return f'<svg width="0" height="0" class="defined" aria-hidden="true"><defs>{"".join(parts)}</defs></svg>'


def gallery(report: Report, images: Pictures) -> str:
    """All examples, grouped by column. Texts of predictions are untrusted and are escaped."""
    colours = series([row.label for row in report.tables[0].rows])
    sections = []
    for title, examples in groupby(report.gallery, key=lambda example: example.title):
        articles = "".join(_example(example, images, colours) for example in examples)
        sections.append(f'<h3>{escape(title)}</h3><div class="examples">{articles}</div>')
    return "".join(sections)


def _example(example: Example, images: Pictures, colours: Mapping[str, str]) -> str:
    image = images.get(_key(example))
    asked = f'<p class="prompt"><bdi>{escape(example.prompt)}</bdi></p>' if example.prompt else ""
    if any(answer.region for answer in example.answers) or example.region:
        body = _regions(example, image, colours)
        return f'<article class="wide">{asked}<div class="figures">{body}</div></article>'
    answers = "".join(_answer(answer, colours, _judges(example)) for answer in example.answers)
    picture, known = _picture(example, image), _references(example.references)
    return f'<article>{picture}<div class="texts">{asked}{known}<dl>{answers}</dl></div></article>'


def _references(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    first, *others = (f"<bdi>{escape(text)}</bdi>" for text in texts)
    more = f"<details><summary>{len(others)} more</summary>{'<br>'.join(others)}</details>" if others else ""
    return f'<div class="reference">Reference: {first}{more}</div>'


def _regions(example: Example, image: Image.Image | None, colours: Mapping[str, str]) -> str:
    figures = []
    if example.region:
        benchmark_that_trains = _picture(example, image, example.region, "truth")
        figures.append(f"<figure>{benchmark_that_trains}<figcaption>asked for</figcaption></figure>")
    for answer in example.answers:
        colour = colours.get(answer.label, "shared")
        picture = _picture(example, image, answer.region, colour)
        said = "" if answer.region else f'<br><span class="said">no valid box: {_said(answer.text)}</span>'
        score = "" if answer.score is None else f" · IoU {number(answer.score)}"
        caption = f'<span class="{colour} key"></span>{escape(answer.label)}{score}{said}'
        figures.append(f"<figure>{picture}<figcaption>{caption}</figcaption></figure>")
    return "".join(figures)


def _answer(answer: Answer, colours: Mapping[str, str], judged: bool) -> str:
    mark, score = "", ""
    if answer.score is not None:
        right = answer.score >= RIGHT_FROM
        if judged:
            mark = f'<span class="{"right" if right else "wrong"}">{"✓" if right else "✗"}</span> '
        score = f' <span class="score">{number(answer.score)}</span>'
    text = escape(answer.text) or "<em>nothing</em>"
    key = f'<span class="{colours.get(answer.label, "shared")} key"></span>'
    return f"<dt>{key}{escape(answer.label)}</dt><dd>{mark}<bdi>{text}</bdi>{score}</dd>"


def _judges(example: Example) -> bool:
    """Whether a single answer is right or wrong; a caption is only more or less like its references."""
    return example.benchmark.right_or_wrong


def _picture(example: Example, image: Image.Image | None, region: Region | None = None, colour: str = "") -> str:
    if image is None:
        return ""
    marks = ""
    if region and region.runs:
        marks += f'<path class="mask" d="{"".join(f"M{x} {y}h{n}v1h-{n}z" for y, x, n in region.runs)}"/>'
    if region and region.box:
        y0, x0, y1, x1 = region.box
        place = f'x="{x0}" y="{y0}" width="{max(0, x1 - x0)}" height="{max(0, y1 - y0)}"'
        marks += f'<rect class="halo" {place}/><rect class="box" {place}/>'
    name = f'role="img" aria-label="test picture {example.image}"'
    size = f'viewBox="0 0 {image.width} {image.height}"'
    link = f"#{_id(*_key(example))}"
    return f'<svg class="picture {colour}" {size} {name}><use href="{link}"/>{marks}</svg>'


def _data_uri(image: Image.Image) -> str:
    """A photograph made smaller, which is shown at its own size."""
    shown, buffer = image.copy(), io.BytesIO()
    shown.thumbnail((MOST_SIDE, MOST_SIDE))
    shown.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _said(text: str) -> str:
    """An answer that is no region, whatever direction it is written in."""
    return f"<bdi>{escape(_short(text))}</bdi>"


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
