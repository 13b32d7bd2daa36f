"""A few test examples with every row's answer. They are spread evenly over the test set, not picked by eye."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import transfer_of
from pali3kit.config.stages import Transfer
from pali3kit.evals.scores import Prediction, image_numbers
from pali3kit.plan.step import Step
from pali3kit.report.arms import Arm, ArtifactReader
from pali3kit.report.columns import EvaluationSets, ReportColumn, columns_of
from pali3kit.report.model import Answer, DrawnRegion, GalleryExample

COUNT = 4
IMAGE_AXES = (
    "data.",
    "model.image_size",
    "stages.transfer.image_size",
    "stages.resolution",
)  # grid axes that change the images
Key = tuple[tuple[int, ...], str, str]
"""What identifies an example: its images, or the number of its video; prompt; language."""


def choose_examples(
    arms: Sequence[Arm], artifacts: ArtifactReader, sets: EvaluationSets, transfer: Transfer
) -> Iterable[GalleryExample]:
    """Yield up to COUNT examples per column that all available rows answered, of the first seed that has any.

    `transfer` tells whose images the benchmarks are measured on that share a transfer.

    Columns measured both after stage 1 and after transfer are shown after transfer. Rows that read different numbers of
    frames answered the same videos, which are shown as the row with the most frames saw them.
    """
    axes = {key for arm in arms for key in arm.settings if key.startswith(IMAGE_AXES)}
    if axes - {"data.frames"}:
        return  # the rows saw different images: their regions cannot be drawn over one of them
    names = list(dict.fromkeys(name for arm in arms for name in arm.steps))
    for name in names:
        source, _, after = name.partition("@")
        if after and source in names:
            continue
        answered = {arm.label: _first(arm.steps.get(name, {}), artifacts) for arm in arms}
        rows = {label: predictions for label, predictions in answered.items() if predictions}
        if rows:
            columns = columns_of(source, sets)
            steps = [step for arm in arms for step in arm.steps.get(name, {}).values()]
            size = int(str(steps[0].plain["image_size"]))
            own = transfer_of(transfer, BENCHMARK.find(source)) if "published" in steps[0].plain else ""
            frames = max(_frames(step) for step in steps if artifacts.folder(step) is not None)
            for key in _spread(_common(rows), COUNT):
                yield replace(_example(columns, key, rows, size), source=own, frames=frames)


def _first(steps: Mapping[int, Step], artifacts: ArtifactReader) -> dict[Key, Prediction]:
    """The predictions of the first seed that has any."""
    for step in steps.values():
        if artifacts.folder(step) is not None:
            frames = _frames(step)
            return {_key(row, frames): row for row in artifacts.predictions(step)}
    return {}


def _frames(step: Step) -> int:
    """How many frames of each video were read; 0 of images."""
    source = step.plain.get("source")
    return int(str(source.get("frames", 0))) if isinstance(source, dict) else 0


def _key(row: Prediction, frames: int) -> Key:
    """The images of video v are numbered from v x frames."""
    images = image_numbers(row)
    return (images[0] // frames,) if frames else images, row.get("prompt", ""), row.get("language", "")


def _common(rows: Mapping[str, Mapping[Key, Prediction]]) -> list[Key]:
    """The examples that all rows answered, in the order of the first row."""
    first, *others = rows.values()
    return [key for key in first if all(key in other for other in others)]


def _spread(keys: Sequence[Key], count: int) -> list[Key]:
    """`count` of `keys`: the middle of each of `count` equal parts."""
    count = min(count, len(keys))
    return [keys[(2 * index + 1) * len(keys) // (2 * count)] for index in range(count)]


def _example(
    columns: Sequence[ReportColumn], key: Key, rows: Mapping[str, Mapping[Key, Prediction]], size: int
) -> GalleryExample:
    predictions = {label: found[key] for label, found in rows.items()}
    one = max(predictions.values(), key=lambda row: len(image_numbers(row)))
    references = one.get("references") or ([one["target"]] if one.get("target") else [])
    answers = tuple(
        Answer(label, str(row.get("prediction", "")), _score(row), _region(row.get("box"), row.get("mask")))
        for label, row in predictions.items()
    )
    title = columns[0].title.partition(" (")[0] if len(columns) > 1 else columns[0].title
    region = _region(one.get("target_box"), one.get("target_mask"))
    texts = tuple(text for text, _ in Counter(map(str, references)).most_common())
    label = columns[0].name.removesuffix(f".{columns[0].part}")
    return GalleryExample(label, title, image_numbers(one), size, str(one.get("prompt", "")), texts, region, answers)


def _score(row: Prediction) -> float | None:
    score = row.get("score")
    return None if score is None else float(score)


def _region(box: Sequence[int] | None, runs: Sequence[Sequence[int]] | None) -> DrawnRegion | None:
    if box is None and runs is None:
        return None
    corners = None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
    return DrawnRegion(corners, tuple((int(y), int(x), int(length)) for y, x, length in runs or ()))
