"""Checks that files of `records` have what an experiment asks of them: a run would find out after minutes of training.

Such files are read for it. Other sources may be endless, or take long to read; what is behind a URL is not read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import TASKS_OF, entry_of, task_family
from pali3kit.config.budgets import KeyProblem, has_stage_2, known_benchmarks, source_of_stage, trained_for
from pali3kit.config.component import Component
from pali3kit.config.missing_files import missing_files
from pali3kit.config.root import measured_source, own_source_key, source_of, task_of
from pali3kit.config.schema import Experiment
from pali3kit.config.urls import is_remote
from pali3kit.errors import DataError
from pali3kit.plan.content import classes_of, has_examples, size_of_split

_RECORDS = "records"
_WANTED = {
    "captions": "captions",
    "words": "printed words",
    "questions": "questions with answers",
    "things": "things",
    "masks": "things with masks",
    "expressions": "things with masks and expressions",
    "attributes": "attributes",
}
"""What images have that are examples of a task, by the annotations of `TASKS_OF`."""
_PURPOSE = {"train": "to train on", "test": "to test on"}


def check_own_images(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that files can be read, and that each has as many images as are asked for: more train images would be the
    same again, those held out for validation too.
    """
    source, readable = cell.data.source, True
    for key, each in _sources(cell):
        for split in _PURPOSE:
            try:
                size_of_split(each, split)
            except DataError as error:
                readable = False
                yield key, f"{key}: {error}"
                break
    if readable and _is_read(source):
        for split, asked in (("train", cell.data.train), ("test", cell.data.test)):
            there = size_of_split(source, split)
            if there and there < asked:
                text = f"and data.source, {_file(source, split)}, has {there} of the {split} split"
                yield f"data.{split}", f"data.{split} asks for {asked} images, {text}: set data.{split}={there}."
    if readable:
        yield from _lacking_of_mixtures(cell)
        yield from _lacking_of_benchmarks(cell)


def check_own_supervision(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the encoder has texts or labels to learn from."""
    source, kinds = cell.stages.vision.source or cell.data.source, {"siglip": "captions", "classif": "things or labels"}
    if cell.pretrain not in kinds or not _is_read(source):
        return
    try:
        images = size_of_split(source, "train") or 0
        texts = bool(images) and has_examples(source, "caption_multilingual", "train", images)
        there = {"siglip": texts, "classif": bool(images and classes_of(source))}
    except DataError:  # `check_own_images` reports it
        return
    if images and not there[cell.pretrain]:
        others = [f"'{name}'" for name, has in there.items() if has] or ["pretrained"]
        file = f"none of the {images} images {_PURPOSE['train']} of {_file(source, 'train')} has any"
        yield "pretrain", f"pretrain '{cell.pretrain}' needs {kinds[cell.pretrain]}, and {file}: take {others[0]}."


def _sources(cell: Experiment) -> Iterator[tuple[str, Component]]:
    """The files of `records` on this machine that are trained or measured on, each with its key."""
    own = {f"data.benchmarks.{name}": each for name, each in cell.data.benchmarks.items()}
    for key, source in {"data.source": cell.data.source, **own}.items():
        if _is_read(source):
            yield key, source


def _is_read(source: Component) -> bool:
    """Whether a source is a file of `records`, or a union of such files, that lies here."""
    if source.parts:
        return all(map(_is_read, source.parts.values()))
    entry = entry_of(source)
    return source.name == _RECORDS and entry is not None and not (is_remote(source) or missing_files(source, entry))


def _lacking_of_mixtures(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there is an example of each task of the mixtures: one problem for each, with what to leave out."""
    stages = ["multimodal"] if cell.model.from_ is None or cell.stages.multimodal.examples > 0 else []
    for stage in (*stages, *(["resolution"] if has_stage_2(cell) else [])):
        source, key = source_of_stage(cell, stage), f"stages.{stage}.mixture"
        mixture = getattr(cell.stages, stage).mixture or cell.stages.multimodal.mixture
        tasks = [task for task, weight in mixture.items() if weight > 0]
        lacking = [*_lacking(source, tasks, "train", cell.data.train)]
        if lacking:
            without = ", ".join(f"{task}: 0" for task in lacking)
            wanted = {what: [task for task in lacking if _wanted(task) == what] for what in map(_wanted, lacking)}
            listed = ", ".join(f"{what} ({', '.join(tasks)})" for what, tasks in wanted.items())
            yield key, f"{key}: {_none(source, 'train', cell.data.train)} has {listed}: {{{without}}} leaves them out."


def _lacking_of_benchmarks(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that each benchmark has an example to train its transfer on, and one to be measured on."""
    measured = known_benchmarks(cell)
    for name in (*measured, *trained_for(cell)):
        benchmark = BENCHMARK.find(name)
        source, task = measured_source(cell, benchmark), task_of(cell, benchmark)
        if benchmark.scored == "masks":
            source, task = cell.stages.mask_tokenizer.source or cell.data.source, "instance"
        elif not benchmark.generated:
            continue
        is_own = source_of(cell, benchmark) is not None
        key = own_source_key(cell, benchmark) if is_own else "evaluate"
        learns = "transfer" in cell.evaluation.after or benchmark.scored == "masks"
        for split, count in (("train", cell.data.train), ("test", cell.data.test)):
            count = (size_of_split(source, split) or 0) if is_own and _is_read(source) else count
            if (learns if split == "train" else name in measured) and [*_lacking(source, [task], split, count)]:
                text = f"benchmark '{name}' needs {_wanted(task)}, and {_none(source, split, count)} has any"
                yield key, f"{text}: leave '{name}' out of evaluate."
                break


def _lacking(source: Component, tasks: Iterable[str], split: str, count: int) -> Iterator[str]:
    """The tasks of which the first `count` images of a split have no example; none where the source is not read."""
    if _is_read(source) and (there := _count(source, split, count)):
        yield from (task for task in tasks if task and not has_examples(source, task, split, there))


def _count(source: Component, split: str, count: int) -> int:
    """How many of `count` images there are; none of an empty split, reported elsewhere, nor of a union to test on."""
    there = size_of_split(source, split)
    return min(count, there) if there is not None else count * (split == "train")


def _none(source: Component, split: str, count: int) -> str:
    return f"none of the {_count(source, split, count)} images {_PURPOSE[split]} of {_file(source, split)}"


def _file(source: Component, split: str) -> str:
    return str(source.options.get(split) or source.options.get("path") or f"the {source.name}")


def _wanted(task: str) -> str:
    """What an image has that is an example of a task."""
    name = task.rpartition(".")[2]
    kind = next((kind for kind, tasks in TASKS_OF.items() if name in tasks or task_family(name) in tasks), "")
    language = "en" if name == "caption" else name.removeprefix("caption_") if task_family(name) == "caption" else ""
    return f"captions in '{language}'" if language not in ("", "multilingual") else _WANTED.get(kind, kind or task)
