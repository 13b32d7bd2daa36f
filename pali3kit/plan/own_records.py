"""Checks of files of `records` before a run: that they can be read, and have images, texts and labels, and examples."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, generates_text, known_benchmarks
from pali3kit.config.component import Component
from pali3kit.config.schema import Experiment
from pali3kit.plan.content import classes_of
from pali3kit.plan.examples import has_examples
from pali3kit.plan.own_examples import check_own_examples
from pali3kit.plan.own_files import called_none, file_of, masks_of, own_images, sources_of, unreadable


def check_own_records(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that files can be read, that each has as many images as are asked for, and examples of what is learnt and
    measured.
    """
    problems = [problem for key, source in sources_of(cell).items() for problem in unreadable(key, source)]
    yield from problems
    if problems:
        return
    yield from _too_few_images(cell)
    yield from check_own_examples(cell)


def check_own_supervision(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the encoder has texts or labels to learn from, in files that `check_own_records` can read."""
    own, kinds = cell.stages.vision.source, {"siglip": "captions", "classif": "things or labels"}
    source = own or cell.data.source
    if cell.pretrain not in kinds or any(unreadable("", source)) or not (images := own_images(source, "train")):
        return
    texts = has_examples(source, "caption_multilingual", "train", images)
    there = {"siglip": texts, "classif": bool(classes_of(source))}
    if not there[cell.pretrain]:
        others = [f"'{name}'" for name, has in there.items() if has] or ["pretrained"]
        text = f"pretrain '{cell.pretrain}' needs {kinds[cell.pretrain]}, and {called_none(source, 'train', images)}"
        yield "pretrain", f"{text} has any: take {others[0]}."


def _too_few_images(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there are as many images as are asked for: more train images would be the same again, those held out
    for validation too. Of a benchmark's own file all are taken.
    """
    first: list[tuple[str, Component, str]] = []
    if generates_text(cell):
        first = [("data.source", cell.data.source, "train"), ("data.source", cell.data.source, "test")]
    if any(BENCHMARK.find(name).scored == "masks" for name in known_benchmarks(cell)):
        first.append((*masks_of(cell), "test"))
    for key, source, split in first:
        asked, there = getattr(cell.data, split), own_images(source, split)
        if there and there < asked:
            text = f"and {key}, {file_of(source, split)}, has {there} of the {split} split"
            yield f"data.{split}", f"data.{split} asks for {asked} images, {text}: set data.{split}={there}."
