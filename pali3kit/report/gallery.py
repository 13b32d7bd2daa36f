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

from pali3kit.catalogue import BENCHMARK
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.report.charts import series
from pali3kit.report.model import Answer, Example, Region, Report
from pali3kit.report.table import number

RIGHT_FROM = 50.0
MOST_SIDE = 640  # pixels of an embedded picture


Pictures = Mapping[tuple[int, int], Image.Image]
"""By index and size."""


def pictures(report: Report) -> dict[tuple[int, int], Image.Image]:
    """Draw the test pictures that the gallery shows, with the experiment's source, as large as they were measured."""
    found: dict[tuple[int, int], Image.Image] = {}
    for size in sorted({example.size for example in report.gallery}):
        options = dict(report.config["data"]["source"])
        source: Any = SOURCE.build(options.pop("name"), image_size=size, **options)
        for index in sorted({index for example in report.gallery if example.size == size for index in example.images}):
            with suppress(DataError):  # gone or damaged since it was measured: the answers are shown without it
                found[index, size] = Image.fromarray(source.image("test", index))
    return found


def defined(images: Pictures) -> str:
    """Embed every picture once, at its own size: the gallery refers to it and enlarges it without smoothing."""
    parts = [
        f'<image id="picture-{index}-{size}" width="{image.width}" height="{image.height}" href="{_data_uri(image)}"/>'
        for (index, size), image in images.items()
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
    asked = f'<p class="prompt"><bdi>{escape(example.prompt)}</bdi></p>' if example.prompt else ""
    if any(answer.region for answer in example.answers) or example.region:
        body = _regions(example, images, colours)
        return f'<article class="wide">{asked}<div class="figures">{body}</div></article>'
    answers = "".join(_answer(answer, colours, _judges(example)) for answer in example.answers)
    texts = f'<div class="texts">{asked}{_references(example.references)}<dl>{answers}</dl></div>'
    shown = [_picture(example, images, index) for index in example.images]
    if len(shown) < 2:
        return f"<article>{''.join(shown)}{texts}</article>"
    figures = "".join(f"<figure>{picture}</figure>" for picture in shown)
    return f'<article class="wide"><div class="figures">{figures}</div>{texts}</article>'


def _references(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    first, *others = (f"<bdi>{escape(text)}</bdi>" for text in texts)
    more = f"<details><summary>{len(others)} more</summary>{'<br>'.join(others)}</details>" if others else ""
    return f'<div class="reference">Reference: {first}{more}</div>'


def _regions(example: Example, images: Pictures, colours: Mapping[str, str]) -> str:
    figures, index = [], example.images[0]
    if example.region:
        truth = _picture(example, images, index, example.region, "truth")
        figures.append(f"<figure>{truth}<figcaption>asked for</figcaption></figure>")
    for answer in example.answers:
        colour = colours.get(answer.label, "shared")
        picture = _picture(example, images, index, answer.region, colour)
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
    return BENCHMARK.find(example.column).right_or_wrong


def _picture(example: Example, images: Pictures, index: int, region: Region | None = None, colour: str = "") -> str:
    """One image of an example, with a region drawn over it; nothing for an image that cannot be read any more."""
    image = images.get((index, example.size))
    if image is None:
        return ""
    marks = ""
    if region and region.runs:
        marks += f'<path class="mask" d="{"".join(f"M{x} {y}h{n}v1h-{n}z" for y, x, n in region.runs)}"/>'
    if region and region.box:
        y0, x0, y1, x1 = region.box
        place = f'x="{x0}" y="{y0}" width="{max(0, x1 - x0)}" height="{max(0, y1 - y0)}"'
        marks += f'<rect class="halo" {place}/><rect class="box" {place}/>'
    name = f'role="img" aria-label="test picture {index}"'
    size = f'viewBox="0 0 {image.width} {image.height}"'
    link = f"#picture-{index}-{example.size}"
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
