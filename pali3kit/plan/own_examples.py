"""Checks that files of `records` have examples of what is learnt and measured: a run would find out while it trains."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import TASKS_OF, has_target, names_of, task_family, tasks_of
from pali3kit.config.budgets import (
    KeyProblem,
    generates_text,
    has_stage_2,
    known_benchmarks,
    source_of_stage,
    trains_stage_1,
)
from pali3kit.config.root import measured_source, own_source_key, source_of, task_of
from pali3kit.config.schema import Experiment
from pali3kit.plan.content import why_too_few
from pali3kit.plan.own_files import OwnFiles
from pali3kit.plan.plain import component_json

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


def check_own_examples(cell: Experiment) -> Iterator[KeyProblem]:
    """Check files that can be read: for the mixtures, for transfers and tests of benchmarks, for the mask tokenizer."""
    if generates_text(cell):
        yield from _lacking_of_mixtures(cell)
        yield from {**_lacking_of_tests(cell), **_lacking_of_transfers(cell)}.values()
    yield from _lacking_of_masks(cell)


def _lacking_of_mixtures(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there is an example of each task of the mixtures: one problem for each, with what to leave out. Tasks
    that the source cannot have are told elsewhere.
    """
    trained = {"multimodal": trains_stage_1(cell), "resolution": has_stage_2(cell)}
    for stage in (stage for stage, runs in trained.items() if runs):
        source, key = source_of_stage(cell, stage), f"stages.{stage}.mixture"
        mixture = getattr(cell.stages, stage).mixture or cell.stages.multimodal.mixture
        known = {*(tasks_of(source) or ())}.intersection(names_of(source))
        tasks = [task for task, weight in mixture.items() if weight > 0 and task in known and has_target(task)]
        count = cell.data.train if source is cell.data.source else OwnFiles(source).images("train")
        if lacking := OwnFiles(source).lacking(tasks, "train", count):
            without = ", ".join(f"{task}: 0" for task in lacking)
            wanted = {what: [task for task in lacking if _wanted(task) == what] for what in map(_wanted, lacking)}
            listed = ", ".join(f"{what} ({', '.join(tasks)})" for what, tasks in wanted.items())
            yield key, f"{key}: {OwnFiles(source).none('train', count)} has {listed}: {{{without}}} leaves them out."


def _lacking_of_transfers(cell: Experiment) -> dict[str, KeyProblem]:
    """By measured benchmarks, the problem that the transfer that answers them has no example to train on."""
    measured = [BENCHMARK.find(name) for name in known_benchmarks(cell) if "transfer" in cell.evaluation.after]
    trained = {each.model_of: each.name for each in reversed(measured) if each.generated}
    found = {}
    for benchmark in [BENCHMARK.find(name) for name in trained if name in BENCHMARK.names()]:
        source, count = measured_source(cell, benchmark), _count(cell, benchmark, "train")
        task, is_measured = task_of(cell, benchmark), benchmark.name in cell.evaluate
        if OwnFiles(source).lacking([task], "train", count):
            asked = benchmark.name if is_measured else trained[benchmark.name]
            needs = "needs" if is_measured else f"is answered by '{benchmark.name}', which needs"
            text = f"benchmark '{asked}' {needs} {_wanted(task)}, and {OwnFiles(source).none('train', count)} has any"
            found[asked] = _key(cell, benchmark), f"{text}: leave '{asked}' out of evaluate."
    return found


def _lacking_of_tests(cell: Experiment) -> dict[str, KeyProblem]:
    """By measured benchmarks, the problem that a run would refuse their test examples."""
    found = {}
    for benchmark in map(BENCHMARK.find, known_benchmarks(cell)):
        source, task = measured_source(cell, benchmark), task_of(cell, benchmark)
        if benchmark.generated and task_family(task) in (tasks_of(source) or ()) and OwnFiles(source).are_here:
            name, count = benchmark.name, _count(cell, benchmark, "test")
            if count and (why := why_too_few(component_json(source), name, cell.tokenizer.bins, count, task)):
                found[name] = _key(cell, benchmark), f"{why} Or leave '{name}' out of evaluate."
    return found


def _lacking_of_masks(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there are masks where the mask tokenizer is measured: it is trained on those of all images."""
    trained = cell.model.from_ is None and cell.stages.mask_tokenizer.examples > 0
    source = source_of_stage(cell, "mask_tokenizer")
    for name in known_benchmarks(cell):
        counts = {"train": OwnFiles(source).images("train") if trained else 0, "test": cell.data.test}
        for split, count in counts.items() if BENCHMARK.find(name).scored == "masks" else ():
            if OwnFiles(source).lacking(["instance"], split, count):
                text = (
                    f"benchmark '{name}' needs {_wanted('instance')}, and {OwnFiles(source).none(split, count)} has any"
                )
                yield "evaluate", f"{text}: leave '{name}' out of evaluate."
                break


def _key(cell: Experiment, benchmark: Benchmark) -> str:
    return "evaluate" if source_of(cell, benchmark) is None else own_source_key(cell, benchmark)


def _count(cell: Experiment, benchmark: Benchmark, split: str) -> int:
    """How many images of its source a benchmark takes: of a file of its own all that there are."""
    there, asked = OwnFiles(measured_source(cell, benchmark)).images(split), int(getattr(cell.data, split))
    return min(there, asked) if source_of(cell, benchmark) is None else there


def _wanted(task: str) -> str:
    """What an image has that is an example of a task."""
    name = task.rpartition(".")[2]
    kind = next((kind for kind, tasks in TASKS_OF.items() if name in tasks or task_family(name) in tasks), "")
    language = "en" if name == "caption" else name.removeprefix("caption_") if task_family(name) == "caption" else ""
    return f"captions in '{language}'" if language not in ("", "multilingual") else _WANTED.get(kind, kind or task)
