"""Checks of transfers that several benchmarks share (`stages.transfer.benchmarks.NAME.mixture`)."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import task_family, tasks_of
from pali3kit.config.budgets import KeyProblem, known_benchmarks, recipe_of
from pali3kit.config.ocr import ocr_of
from pali3kit.config.root import measured_source, task_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import choose


def check_shared(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that mixtures are of benchmarks with a transfer of their own, of one source, each in one mixture."""
    section, taken = cell.stages.transfer, dict[str, str]()
    asked = {BENCHMARK.find(name).transfer for name in known_benchmarks(cell)}
    names = [each.name for each in BENCHMARK.all() if each.generated and each.model_of == each.name]
    for owner in section.benchmarks:
        mixture, key = recipe_of(section, owner).mixture, f"stages.transfer.benchmarks.{owner}.mixture"
        if not mixture or owner not in names:
            continue
        if owner not in mixture:
            yield key, f"{key} should have a weight for '{owner}' itself."
        for name, weight in mixture.items():
            at = f"{key}.{name}"
            if name not in names:
                yield at, f"{key}: no benchmark '{name}' has a transfer.{choose(name, names)}"
                continue
            if not 0 < weight < float("inf"):
                yield at, f"{key}: the weight of {name} should be above 0, not {weight}."
            if taken.setdefault(name, owner) != owner:
                yield at, f"{key}: '{name}' shares the transfer of '{taken[name]}' already."
            elif name != owner and recipe_of(section, name).mixture:
                yield at, f"{key}: '{name}' has a mixture of its own: leave one of the two out."
            elif not asked.isdisjoint(mixture):
                yield from _fits(cell, owner, name)


def _fits(cell: Experiment, owner: str, name: str) -> Iterator[KeyProblem]:
    """Check that the source of a transfer has the task of a benchmark that shares it, and that prompts are alike."""
    key = f"stages.transfer.benchmarks.{owner}.mixture"
    benchmark, first = BENCHMARK.find(name), BENCHMARK.find(owner)
    source = measured_source(cell, first)
    task, known = task_of(cell, benchmark), tasks_of(source)
    if not task or (known is not None and task_family(task) not in known):
        yield f"{key}.{name}", f"{key}: source '{source.name}' of '{owner}' has no task for '{name}'."
    if ocr_of(cell, benchmark) != ocr_of(cell, first):
        text = f"prompts of '{owner if first.ocr else name}' have words of OCR and the others have none"
        yield f"{key}.{name}", f"{key}: '{name}' cannot share this transfer: {text}."
