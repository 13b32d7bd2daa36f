"""Checks that a source has its files, and the tasks and test images that the experiment uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from glob import iglob

from pali3kit import registry
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import generates, known_benchmarks
from pali3kit.config.offers import (
    entry_of,
    general,
    joins,
    names_of,
    offers,
    parts,
    supervises,
    tasks_of,
    tells,
)
from pali3kit.config.part import Part
from pali3kit.config.root import beside, source_of, task_of
from pali3kit.config.schema import Experiment
from pali3kit.config.tasks import TASKS
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import choose


def supply(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that the source has its files, and the tasks, texts and labels that training and benchmarks need."""
    source, name = cell.data.source, cell.data.source.name
    yield from _there("data.source", source)
    if offers(source) == ():  # for pretraining alone
        answered = "features" if tells(source) else "loss"
        fitting = [each.name for each in BENCHMARK.all() if each.answered == answered]
        if asked := [each for each in known_benchmarks(cell) if each not in fitting]:
            what = "pictures, labels and texts, no tasks" if tells(source) else "texts alone"
            fit = f"only the column {fitting[0]} fits" if len(fitting) == 1 else f"only {', '.join(fitting)} fit"
            yield "evaluate", f"source '{name}' has {what}: {fit}, not {asked[0]}."
    elif generates(cell):
        asked = [each for each in known_benchmarks(cell) if BENCHMARK.find(each).generated]
        yield from _answerable(cell, asked)
        yield from _offered(cell, asked)
        yield from _masked(cell)
    yield from _columns(cell)
    if cell.pretrain == "classif" and tells(source) != () and not supervises(source, "labels"):
        some = any("labels" in (tells(part) or ()) for _, part in _parts_of(source))
        wanted = f"say of how many classes '{name}' has them (classes: N)" if some else f"'{name}' has none"
        yield "data.source", f"pretrain 'classif' needs labels: {wanted}."
    if cell.pretrain == "siglip" and tells(source) != () and not supervises(source, "texts"):
        has = ", ".join(dict.fromkeys([*_telling("captions"), *_telling("texts")]))
        yield "data.source", f"pretrain 'siglip' needs texts beside images: '{name}' has none; {has} have."


def files(key: str, source: Part, entry: RegistryEntry, globs: bool = True) -> Iterator[tuple[str, str]]:
    """Check that what the options of a source, or of a set, name is there, as its `entry` declares them; a source's may
    be patterns.
    """
    for option in (*entry.files, *entry.folders):
        path, folder = source.options.get(option), option in entry.folders
        if not isinstance(path, str):
            continue
        there = os.path.isdir(path) if folder else os.path.exists(path)
        if not there and not (globs and not folder and any(iglob(path, recursive=True))):
            what = "folder" if folder else "file or folder"
            yield f"{key}.{option}", f"there is no {what} '{path}'.{beside(path)}"


def _there(key: str, source: Part) -> Iterator[tuple[str, str]]:
    """Check that the files of a source exist, and that a union can hold its sources."""
    for own, part in _parts_of(source, key):
        if (entry := entry_of(part)) is not None:
            yield from files(own, part, entry)
        if part is not source and not joins(part):
            yield own, f"'{part.name}' cannot be a part of a union: take sources of pictures in files."
    if source.name == "union" and not source.options["parts"]:
        yield f"{key}.parts", "a union without parts has no pictures: name at least one source."


def _answerable(cell: Experiment, columns: list[str]) -> Iterator[tuple[str, str]]:
    """Check that the source has the tasks of benchmarks, except those in `data.columns`, which `_columns` checks."""
    for column in columns:
        benchmark = BENCHMARK.find(column)
        if (own := source_of(cell, benchmark)) is not None:
            key = f"data.benchmarks.{benchmark.transfer}"
            yield from _has(own, key, column, task_of(cell, benchmark))
            if not own.options.get("test", True):
                yield key, f"the column '{column}' is measured on test images: name them, {key}.test."
        elif column not in cell.data.columns:
            yield from _has(cell.data.source, "evaluate", column, benchmark.task)


def _has(source: Part, key: str, column: str, task: str) -> Iterator[tuple[str, str]]:
    """Check that a source has the task of a benchmark, or that the task exists if the source's are unknown."""
    tasks = tasks_of(source)
    names = names_of(source) if tasks is None else list(tasks)
    if general(task) not in names:
        if tasks is None:  # it may have variants
            own = (each.task for each in BENCHMARK.all())
            names += [each for each in own if general(each) in names and each not in names]
        yield key, f"source '{source.name}' has no task '{task}' for the column '{column}'.{choose(task, names)}"


def _offered(cell: Experiment, columns: list[str]) -> Iterator[tuple[str, str]]:
    """Check that a source of files has the tasks of the mixtures, and test images."""
    source = cell.data.source
    tasks = tasks_of(source)
    if tasks is None:
        return
    for stage in ("multimodal", "resolution"):
        for task, weight in getattr(cell.stages, stage).mixture.items():
            if weight > 0 and task not in tasks and task in TASKS:
                has = choose(task, tasks)
                yield f"stages.{stage}.mixture.{task}", f"source '{source.name}' has no task '{task}'.{has}"
    there = [column for column in columns if source_of(cell, BENCHMARK.find(column)) is None]
    if there and not any(part.options.get("test", part.name != "union") for _, part in _parts_of(source)):
        yield "data.source", f"the column '{there[0]}' is measured on test images: name them, data.source.test."


def _columns(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that the source has the tasks in `data.columns`, also those of benchmarks that are not measured."""
    known = BENCHMARK.names()  # `check_compatibility` reports the others
    for column, task in cell.data.columns.items():
        if column in known:
            yield from _has(cell.data.source, f"data.columns.{column}", column, task)


def _masked(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that the mask tokenizer has masks to train on if regions are measured."""
    own = cell.stages.masks.source
    if own:
        yield from _there("stages.masks.source", own)
    source = own or cell.data.source
    asked = [name for name in known_benchmarks(cell) if BENCHMARK.find(name).regions]
    told, tasks = tasks_of(cell.data.source), tasks_of(source)
    refers = told is None or any(general(task).endswith("refer") for task in told)
    refers |= any(source_of(cell, BENCHMARK.find(name)) is not None for name in asked)
    if asked and refers and tasks is not None and not any(task.endswith("instance") for task in tasks):
        *others, last = _telling("masks")
        text = f"source '{source.name}' has no masks of objects, which '{asked[0]}' needs: "
        yield "stages.masks.source", text + f"{', '.join(others)} and {last} have."


def paired(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that there are pairs of images and texts for LiT tuning."""
    own = cell.stages.lit.source
    if own:
        yield from _there("stages.lit.source", own)
    source = own or cell.data.source
    if tells(source) == () or not supervises(source, "texts"):
        key = "stages.lit.source" if own else "data.source"
        yield key, f"source '{source.name}' has no pictures with texts, which the stage lit learns from."


def _telling(kind: str) -> list[str]:
    """The sources whose records have annotations of a kind."""
    return [entry.name for entry in registry.SOURCE.entries() if kind in (entry.tells or ())]


def _parts_of(source: Part, key: str = "") -> Iterator[tuple[str, Part]]:
    """The source itself and the sources of a union, each with its dotted key."""
    yield key, source
    for name, part in parts(source).items():
        yield from _parts_of(part, f"{key}.parts.{name}")
