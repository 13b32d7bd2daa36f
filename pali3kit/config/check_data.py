"""Checks that a source has its files, and the tasks and test images that the experiment uses."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit import registry
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import (
    annotations_of,
    available_tasks,
    called,
    entry_of,
    has_target,
    is_joinable,
    names_of,
    supervises,
    task_family,
    tasks_of,
    why_not_joinable,
)
from pali3kit.config.budgets import generates_text, has_stage_2, known_benchmarks, source_of_stage, trained_for
from pali3kit.config.component import Component
from pali3kit.config.missing_files import missing_files, not_there
from pali3kit.config.paths import protocol
from pali3kit.config.root import own_source_key, source_of, task_of
from pali3kit.config.schema import Experiment
from pali3kit.config.tasks import TASKS
from pali3kit.config.urls import url_problem, without_secrets
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import brief, choose


def check_data(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that the source has its files, and the tasks, texts and labels that training and benchmarks need."""
    source, name, own = cell.data.source, cell.data.source.name, cell.stages.vision.source
    yield from _there("data.source", source)
    for benchmark, other in cell.data.benchmarks.items():
        for key, part in _parts_of(other, f"data.benchmarks.{benchmark}"):
            yield from _urls(key, part, cell.data.root)
    if available_tasks(source) == ():  # for pretraining alone
        answered = {"features"} if annotations_of(source) else {"loss", "features"} if own else {"loss"}
        fitting = [each.name for each in BENCHMARK.all() if each.scored in answered]
        if asked := [each for each in known_benchmarks(cell) if each not in fitting]:
            what = "images, labels and texts, no tasks" if annotations_of(source) else "texts alone"
            fit = f"only benchmark '{fitting[0]}' fits" if len(fitting) == 1 else f"only {', '.join(fitting)} fit"
            yield "evaluate", f"source '{name}' has {what}: {fit}, not {asked[0]}."
    else:
        if generates_text(cell):
            asked = [each for each in known_benchmarks(cell) if BENCHMARK.find(each).generated]
            yield from _answerable(cell, asked)
            yield from _offered(cell, asked)
        yield from _masked(cell)
    yield from _own_tasks(cell)
    yield from _supervised(cell)


def _supervised(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that the encoder is pretrained on images with labels or texts."""
    own = cell.stages.vision.source
    if own:
        yield from _there("stages.vision.source", own)
    key, source = ("stages.vision.source", own) if own else ("data.source", cell.data.source)
    if not own and annotations_of(source) == ():  # `check_data` has said that no benchmark of the encoder fits
        return
    name = source.name
    if cell.pretrain == "classif" and not supervises(source, "labels"):
        some = any("labels" in (annotations_of(part) or ()) for _, part in _parts_of(source))
        wanted = f"set the number of classes of '{name}' (classes: N)" if some else f"'{name}' has none"
        yield key, f"pretrain 'classif' needs labels: {wanted}."
    if cell.pretrain == "siglip" and not supervises(source, "texts"):
        has = ", ".join(dict.fromkeys([*_telling("captions"), *_telling("texts")]))
        yield key, f"pretrain 'siglip' needs texts beside images: '{name}' has none; {has} have."
    if cell.pretrain in ("classif", "siglip"):
        for part_name, part in source.parts.items():
            if part.options.get("window"):
                told = "a union shuffles all its images to pretrain an encoder: leave it out, or pretrain on this part"
                yield f"{key}.parts.{part_name}.window", f"{told} alone (stages.vision.source)."


def check_files(key: str, source: Component, entry: RegistryEntry, globs: bool = True) -> Iterator[tuple[str, str]]:
    """Check that what the options of a source, or of a set, name is there, as its `entry` declares them; with `globs`,
    as for a source, they may be patterns and URLs.
    """
    for option in () if globs else (*entry.files, *entry.folders):
        path = source.options.get(option)
        if isinstance(path, str) and protocol(path):
            shown = brief(without_secrets(path))
            yield (
                f"{key}.{option}",
                f"{key}.{option} should be on this machine, not behind a URL: copy '{shown}' to it.",
            )
    for option, path in missing_files(source, entry, globs).items():
        what = "folder" if option in entry.folders else "file or folder"
        yield f"{key}.{option}", not_there(what, path)


def _urls(key: str, part: Component, root: str | None = None) -> Iterator[tuple[str, str]]:
    """Check that the URLs among the options of a source could be opened, but for those below the root, which
    `check_root` checks. Nothing is opened.
    """
    for option, value in part.options.items():
        if not isinstance(value, str) or not protocol(value) or (root is not None and value.startswith(root)):
            continue
        if problem := url_problem(value):
            yield f"{key}.{option}", f"{key}.{option}: {problem}"


def _there(key: str, source: Component) -> Iterator[tuple[str, str]]:
    """Check that the files of a source exist, and that a union can hold its sources."""
    for own, part in _parts_of(source, key):
        yield from _urls(own, part)
        if (entry := entry_of(part)) is not None:
            yield from check_files(own, part, entry)
        if part is not source and not is_joinable(part):
            name = own.rpartition(".")[2]
            yield own, f"{own}: part '{name}' of the union cannot be '{part.name}', {why_not_joinable(part)}."
    if source.name == "union" and not source.options["parts"]:
        yield f"{key}.parts", "a union without parts has no images: name at least one source."


def _answerable(cell: Experiment, benchmarks: list[str]) -> Iterator[tuple[str, str]]:
    """Check that the source has the tasks of benchmarks, except those in `data.tasks`, which `_own_tasks` checks; of
    those of `trained_for` too.
    """
    measured = {*benchmarks}
    for name in (*benchmarks, *trained_for(cell)):
        benchmark = BENCHMARK.find(name)
        if (own := source_of(cell, benchmark)) is not None:
            key = own_source_key(cell, benchmark)
            yield from _has(own, key, name, task_of(cell, benchmark))
            if name in measured and not _has_test(own):
                yield key, _untested(name, key, own)
        elif name not in cell.data.tasks and (task := task_of(cell, benchmark)):
            yield from _has(cell.data.source, "evaluate", name, task)
        elif name not in cell.data.tasks:
            alone = benchmark.public[0].title if benchmark.public else "data of its own"
            where = f"data.root, or a source of its own, {own_source_key(cell, benchmark)}"
            yield "evaluate", f"benchmark '{name}' is measured on {alone} alone: set {where}."


def _has(source: Component, key: str, benchmark: str, task: str) -> Iterator[tuple[str, str]]:
    """Check that a source has the task of a benchmark, or that the task exists if the source's are unknown."""
    tasks = tasks_of(source)
    names = names_of(source) if tasks is None else list(tasks)
    if task_family(task) not in names:
        if tasks is None:  # it may have variants
            own = (each.task for each in BENCHMARK.all())
            names += [each for each in own if task_family(each) in names and each not in names]
        yield key, f"{called(source, task)} has no task '{task}' for benchmark '{benchmark}'.{choose(task, names)}"


def _offered(cell: Experiment, benchmarks: list[str]) -> Iterator[tuple[str, str]]:
    """Check that a source of files has the tasks of the mixtures, and test images."""
    if own := cell.stages.resolution.source:
        yield from _there("stages.resolution.source", own)
        yield from _default_mixture(cell, own)
    for stage in ("multimodal", "resolution"):
        source = source_of_stage(cell, stage)
        tasks = tasks_of(source)
        for task, weight in getattr(cell.stages, stage).mixture.items():
            if weight > 0 and task in names_of(source) and not has_target(task):
                text = f"task '{task}' has no texts to learn: leave it out of the mixture."
                yield f"stages.{stage}.mixture.{task}", text
            if tasks is not None and weight > 0 and task not in tasks and task in TASKS:
                has = choose(task, tasks)
                yield f"stages.{stage}.mixture.{task}", f"{called(source, task)} has no task '{task}'.{has}"
    there = [name for name in benchmarks if source_of(cell, BENCHMARK.find(name)) is None]
    if there and tasks_of(cell.data.source) is not None and not _has_test(cell.data.source):
        yield "data.source", _untested(there[0], "data.source", cell.data.source)


def _default_mixture(cell: Experiment, source: Component) -> Iterator[tuple[str, str]]:
    """Check that stage 2's own source has the tasks of stage 1's mixture, where it has no other."""
    tasks, key = tasks_of(source), "stages.resolution.source"
    if tasks is None or cell.stages.resolution.mixture or not has_stage_2(cell):
        return
    lacking = [task for task, weight in cell.stages.multimodal.mixture.items() if weight > 0 and task not in tasks]
    if lacking:
        text = f"{called(source)} has no task {', '.join(map(repr, lacking))} of stage 1's mixture"
        yield key, f"{key}: {text}: set stages.resolution.mixture.{choose(lacking[0], tasks)}"


def _has_test(source: Component) -> bool:
    """Whether a source of files, or any source of a union, names test images."""
    for _, part in _parts_of(source):
        named = [part.options[option] for option in _test_options(part) if option in part.options]
        if any(named) or not (named or part.name == "union"):
            return True
    return False


def _test_options(source: Component) -> tuple[str, ...]:
    entry = entry_of(source)
    return ("test",) if entry is None else entry.test_options


def _untested(benchmark: str, key: str, source: Component) -> str:
    options = " or ".join(f"{key}.{option}" for option in _test_options(source))
    return f"benchmark '{benchmark}' is measured on test images: name them, {options}."


def _own_tasks(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that the source has the tasks in `data.tasks`, also those of benchmarks that are not measured."""
    known = BENCHMARK.names()  # `check_compatibility` reports the others
    for name, task in cell.data.tasks.items():
        if name in known:
            if has_target(task) or BENCHMARK.find(name).model_of != name:
                yield from _has(cell.data.source, f"data.tasks.{name}", name, task)
                continue
            text = f"task '{task}' has no texts to learn: '{name}', which has a transfer, needs another."
            yield f"data.tasks.{name}", f"data.tasks.{name}: {text}"


def _masked(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that the mask tokenizer has masks to train on if regions are measured, and test masks if it is itself."""
    own = cell.stages.mask_tokenizer.source
    if own:
        yield from _there("stages.mask_tokenizer.source", own)
    source = own or cell.data.source
    alone = [name for name in known_benchmarks(cell) if BENCHMARK.find(name).scored == "masks"]
    asked = [name for name in known_benchmarks(cell) if BENCHMARK.find(name).regions or name in alone]
    known, tasks = tasks_of(cell.data.source), tasks_of(source)
    refers = known is None or any(task_family(task).endswith("refer") for task in known)
    refers |= bool(alone) or any(source_of(cell, BENCHMARK.find(name)) is not None for name in asked)
    if asked and refers and tasks is not None and not any(task.endswith("instance") for task in tasks):
        *others, last = _telling("masks")
        text = f"source '{source.name}' has no masks of objects, which '{asked[0]}' needs: "
        yield "stages.mask_tokenizer.source", text + f"{', '.join(others)} and {last} have."
    elif alone and tasks is not None and not _has_test(source):
        key = "stages.mask_tokenizer.source" if own else "data.source"
        yield key, _untested(alone[0], key, source)


def check_pairs(cell: Experiment) -> Iterator[tuple[str, str]]:
    """Check that there are pairs of images and texts for LiT tuning."""
    own = cell.stages.lit.source
    if own:
        yield from _there("stages.lit.source", own)
    source = own or cell.data.source
    if annotations_of(source) == () or not supervises(source, "texts"):
        key = "stages.lit.source" if own else "data.source"
        yield key, f"source '{source.name}' has no images with texts, which the stage lit learns from."


def _telling(kind: str) -> list[str]:
    """The sources whose records have annotations of a kind."""
    return [entry.name for entry in registry.SOURCE.entries() if kind in (entry.annotations or ())]


def _parts_of(source: Component, key: str = "") -> Iterator[tuple[str, Component]]:
    """The source itself and the sources of a union, each with its dotted key."""
    yield key, source
    for name, part in source.parts.items():
        yield from _parts_of(part, f"{key}.parts.{name}")
