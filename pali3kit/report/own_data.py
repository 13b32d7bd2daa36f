"""What `check-data` tells of a file of `records`: as text, and as a page with the images and what is marked on them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image
from rich.progress import track

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.record import Record, Thing
from pali3kit.data.survey import COUNTED, Survey, survey_records
from pali3kit.durable import write_atomically
from pali3kit.errors import DataError
from pali3kit.images.decode import decode_image
from pali3kit.masks.shapes import row_runs
from pali3kit.registry import SOURCE
from pali3kit.report.escaping import escape_invisible
from pali3kit.report.html import render_page
from pali3kit.streams import new_console

SHOWN = 10  # records, spread evenly over the usable ones
DOUBTFUL = 3  # boxes that are shown for each doubt
QUOTED = 20  # problems that the terminal shows; the page has all


def print_survey(file: str, options: Mapping[str, str]) -> int:
    """The command `check-data`: print what is in a file, and write the page `out`; 1 if a line cannot be used, else 0.

    Options: `images`, the folder of the images; `out`; `decode`, which decodes all images instead of reading headers.
    """
    images, page = options.get("images"), Path(options["out"]).expanduser() if "out" in options else None
    if page is not None and (not page.parent.is_dir() or page.is_dir() or page == Path(file)):
        raise DataError(f"--out should be a new file in a folder that exists, not '{page}'.")
    survey = survey_records(file, images, "decode" in options, _progress)
    records = [survey.reader.record(number) for number in _spread(survey.usable)]
    blocks = [*_summary(survey), _problems(survey.problems[:QUOTED], len(survey.problems), page)]
    told = [f"{len(records)} of the lines:", *(line for record in records for line in _described(record))]
    for block in filter(None, [*blocks, told if records else [], _experiment(survey, file, images)]):
        print(escape_invisible("\n".join(block)), end="\n\n")
    if page is not None:
        text = render_page(
            "own_data.html.j2", title=Path(file).name, summary=[*_summary(survey)], problems=survey.problems,
            records=[_shown(record) for record in records],
        )  # fmt: skip
        write_atomically(page, text.encode(errors="replace"))
        print(f"{page}: a page with these images and their annotations.")
    return int(bool(survey.problems))


def _progress(numbers: Iterable[int], total: int) -> Iterable[int]:
    console = new_console(error=True)
    return track(numbers, "reading", total, console=console, transient=True, disable=not sys.stderr.isatty())


def _spread(numbers: Sequence[int]) -> list[int]:
    count = min(SHOWN, len(numbers))
    return [numbers[(2 * place + 1) * len(numbers) // (2 * count)] for place in range(count)]


def _summary(survey: Survey) -> Iterator[list[str]]:
    """Blocks of lines."""
    wrong, lines = len(survey.problems), len(survey.reader)
    yield [f"{survey.reader.path}: {lines} lines, {wrong or 'none'} of which cannot be used; images below "
           f"{survey.reader.image_folder}"]  # fmt: skip
    yield [*_table(survey)]
    yield [*_image_lines(survey)]
    yield [*_by_reason("trains the tasks", survey.tasks()), *_pretraining(survey)]
    yield [*_by_reason("measures the benchmarks", survey.benchmarks())]
    if shared := survey.shared:
        first = ", ".join(shared[:SHOWN])
        yield [f"images in lines to train on and in lines to test on: {len(shared)}, {first}"]
    if survey.unmasked:
        yield [f"{survey.unmasked} expressions are of things without a mask: no task uses them"]
    for reason, boxes in survey.doubtful.items():
        first = f"; the first {DOUBTFUL}" if len(boxes) > DOUBTFUL else ""
        yield [f"{reason}: {len(boxes)}{first}", *(f"  {box}" for box in boxes[:DOUBTFUL])]
    if survey.unread:
        yield ["fields that are not read: " + _counted(survey.unread)]


def _table(survey: Survey) -> Iterator[str]:
    """What there is, in a column for each split."""
    splits = survey.splits
    languages = dict.fromkeys(language for split in splits.values() for language in split.captions)
    rows = {"split": [name or "(none)" for name in splits], "lines": [str(each.lines) for each in splits.values()]}
    for language in languages:
        rows[f"captions, {language}"] = [str(each.captions[language]) for each in splits.values()]
    for name in COUNTED:
        rows[name] = [str(each.counts[name]) for each in splits.values()]
    width = max(map(len, rows))
    for name, cells in rows.items():
        if any(cell != "0" for cell in cells):
            yield f"{name:<{width}}" + "".join(f"{cell:>{max(len(split), 7) + 2}}" for cell, split in
                                               zip(cells, rows["split"], strict=True))  # fmt: skip


def _image_lines(survey: Survey) -> Iterator[str]:
    if survey.headers:
        yield "images: " + _counted(Counter(header.format for header in survey.headers))
        small, large = (pick(survey.headers, key=lambda each: each.size[0] * each.size[1]) for pick in (min, max))
        rotated = sum(header.rotated for header in survey.headers)
        turned = f"; {rotated} rotated by EXIF, whose boxes are those of the rotated image" if rotated else ""
        yield f"sizes (height x width): {_size(small.size)} to {_size(large.size)}{turned}"


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.most_common())


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _by_reason(title: str, found: dict[str, str]) -> Iterator[str]:
    """The names without a reason against them, then those with each reason."""
    yield f"{title}: {', '.join(name for name, reason in found.items() if not reason) or 'none'}"
    for reason in dict.fromkeys(filter(None, found.values())):
        yield f"  not {', '.join(name for name, each in found.items() if each == reason)}: {reason}"


def _pretraining(survey: Survey) -> Iterator[str]:
    train = survey.train
    found = {
        "siglip": "" if train.captions else "no line has a caption",
        "classif": "" if train.counts["things"] or train.counts["labels"] else "no line has things or labels",
        "mask_tokenizer": "" if train.counts["masks"] else "no thing has a mask",
    }
    yield from _by_reason("pretrains", found)


def _problems(shown: Sequence[str], count: int, page: Path | None) -> list[str]:
    if not count:
        return []
    rest = f"; {'the page has all' if page else 'with --out, a page has all'}" if count > len(shown) else ""
    first = f", the first {len(shown)}" if count > len(shown) else ""
    return [f"{count} {'line' if count == 1 else 'lines'} cannot be used{first}{rest}:", *(f"  {one}" for one in shown)]


def _described(record: Record) -> Iterator[str]:
    yield record.name
    for what, text in _texts(record):
        yield f"  {what}: {text}"
    for thing in record.things:
        yield f"  thing: {_thing(thing)}"


def _texts(record: Record) -> Iterator[tuple[str, str]]:
    """The annotations of a whole image: what they are, and their text."""
    for language, texts in record.captions.items():
        yield from ((f"caption, {language}", text) for text in texts)
    for asked in record.questions:
        language = "" if asked.language == "en" else f", {asked.language}"
        yield f"question{language}", f"{asked.text} → {' | '.join(asked.answers)}"
    if record.words:
        yield "words", " ".join(word.text for word in record.words)
    if record.labels:
        yield "labels", ", ".join(record.labels)


def _thing(thing: Thing) -> str:
    y0, x0, y1, x1 = thing.box
    mask = "" if thing.mask is None else f", mask of {int(thing.mask().sum())} pixels"
    expressions = "".join(f", “{text}”" for text in thing.expressions)
    return f"{thing.label} at x {x0}, y {y0}, {x1 - x0} wide, {y1 - y0} high{mask}{expressions}"


@dataclass(frozen=True, slots=True)
class _Region:
    """A box or mask to draw, in the colour of its `text`."""

    text: str
    box: tuple[int, int, int, int]
    runs: list[list[int]]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A record on the page."""

    name: str
    images: list[Image.Image]
    texts: list[tuple[str, str]]
    regions: list[_Region]


def _shown(record: Record) -> _Shown:
    images = [decode_image(read(), record.name, size=record.drawn_on) for read in record.images]
    regions = [
        _Region(_thing(thing), thing.box, [] if thing.mask is None else row_runs(thing.mask()))
        for thing in record.things
    ]
    regions += [_Region(f"word “{word.text}”", word.box, []) for word in record.words if word.box]
    return _Shown(record.name, images, [*_texts(record)], regions)


def _experiment(survey: Survey, file: str, images: str | None) -> list[str]:
    """The settings of an experiment on the file."""
    if not survey.usable:
        return []
    options = {"path": file, "images": images, "test_split": survey.test_split}
    options = {key: value for key, value in options.items() if value}
    source = SOURCE.build("records", **options)
    assert isinstance(source, AnnotatedSource)
    counts = {split: source.size(split) for split in ("train", "test") if source.size(split)}
    settings: dict[str, object] = {"data": {"source": {"name": "records", **options}, **counts}}
    if absent := {task: 0 for task, reason in survey.tasks().items() if reason}:
        settings["stages"] = {"multimodal": {"mixture": absent}}
    settings["evaluate"] = [name for name, reason in survey.benchmarks().items() if not reason]
    text = yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)
    return ["in an experiment:", *(f"  {line}" for line in text.splitlines())]
