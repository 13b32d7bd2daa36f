"""Checks of files of `records` before a run: that they can be read, and have images, texts and labels, and examples."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, generates_text, known_benchmarks, source_of_stage
from pali3kit.config.component import Component
from pali3kit.config.schema import Experiment
from pali3kit.plan.content import has_examples
from pali3kit.plan.own_examples import check_own_examples
from pali3kit.plan.own_files import OwnFiles


def check_own_records(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that files can be read, that each has as many images as are asked for, and examples of what is learnt and
    measured.
    """
    problems = [problem for key, source in _sources(cell).items() for problem in OwnFiles(source).unreadable(key)]
    yield from problems
    if problems:
        return
    yield from _lacking_supervision(cell)
    yield from _too_few_images(cell)
    yield from check_own_examples(cell)


def _lacking_supervision(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the encoder has texts or labels to learn from."""
    source, kinds = source_of_stage(cell, "vision"), {"siglip": "captions", "classif": "things or labels"}
    own = OwnFiles(source)
    if cell.pretrain not in kinds or not (images := own.images("train")):
        return
    texts = has_examples(source, "caption_multilingual", "train", images)
    there = {"siglip": texts, "classif": has_examples(source, "labels", "train", images)}
    if not there[cell.pretrain]:
        others = [f"'{name}'" for name, has in there.items() if has] or ["pretrained"]
        text = f"pretrain '{cell.pretrain}' needs {kinds[cell.pretrain]}, and {own.none('train', images)}"
        yield "pretrain", f"{text} has any: take {others[0]}."


def _too_few_images(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there are as many images as are asked for: more train images would be the same again, those held out
    for validation too. Of a benchmark's own file all are taken.
    """
    first: list[tuple[str, Component, str]] = []
    if generates_text(cell):
        first = [("data.source", cell.data.source, "train"), ("data.source", cell.data.source, "test")]
    if any(BENCHMARK.find(name).scored == "masks" for name in known_benchmarks(cell)):
        source = source_of_stage(cell, "mask_tokenizer")
        key = "data.source" if source is cell.data.source else "stages.mask_tokenizer.source"
        first.append((key, source, "test"))
    for key, source, split in first:
        asked, there = getattr(cell.data, split), OwnFiles(source).images(split)
        if there and there < asked:
            text = f"and {key}, {OwnFiles(source).name(split)}, has {there} of the {split} split"
            yield f"data.{split}", f"data.{split} asks for {asked} images, {text}: set data.{split}={there}."


def _sources(cell: Experiment) -> dict[str, Component]:
    """All sources of an experiment by their keys: `data.source`, those of benchmarks, and those of stages."""
    own = {f"data.benchmarks.{name}": source for name, source in cell.data.benchmarks.items()}
    sections = {name: getattr(section, "source", None) for name, section in vars(cell.stages).items()}
    stages = {f"stages.{name}.source": each for name, each in sections.items() if isinstance(each, Component)}
    return {"data.source": cell.data.source, **own, **stages}
