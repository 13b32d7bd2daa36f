"""Checks that pages are drawn large enough to be read."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import entry_of
from pali3kit.config.budgets import KeyProblem, has_stage_2, known_benchmarks, recipe_of, transfer_of
from pali3kit.config.component import Component
from pali3kit.config.root import own_source_key, source_of
from pali3kit.config.schema import Experiment


def check_pages(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that images are not smaller than a source draws them: those of `data.source`, and of benchmarks."""
    if 0 < cell.model.image_size < (least := _smallest(cell.data.source)):
        yield "model.image_size", f"{cell.data.source.name} {_drawn_at(least)}, not {cell.model.image_size}"
    section = cell.stages.resolution
    if section.source is not None and has_stage_2(cell):
        least = _smallest(section.source)
        for size in (step.image_size for step in section.steps if 0 < step.image_size < least):
            told = f"{section.source.name} {_drawn_at(least)}, not {size}, a size of stages.resolution.steps"
            yield "stages.resolution.source", told
    for benchmark in map(BENCHMARK.find, known_benchmarks(cell)):
        source = source_of(cell, benchmark)
        least = 0 if source is None else _smallest(source)
        if source is not None and 0 < (size := min(_measured_sizes(cell, benchmark), default=least)) < least:
            larger = "set model.image_size, or start from stage 2: stages.transfer.start, evaluation.after"
            drawn = f"{source.name}, which {_drawn_at(least)}, not {size}"
            yield own_source_key(cell, benchmark), f"benchmark '{benchmark.name}' is measured on {drawn}: {larger}."


def _smallest(source: Component) -> int:
    """The least side of a source's images, pixels."""
    entry = entry_of(source)
    return 0 if entry is None else entry.smallest


def _drawn_at(least: int) -> str:
    return f"are drawn at {least} pixels or more"


def _measured_sizes(cell: Experiment, benchmark: Benchmark) -> Iterator[int]:
    """The sizes of the images that a generated benchmark is measured on: stage 1's, or of a step of stage 2."""
    transfer, steps = cell.stages.transfer, cell.stages.resolution.steps
    chosen = recipe_of(transfer, transfer_of(transfer, benchmark)).image_size or transfer.image_size
    tuned = chosen or (steps[-1].image_size if steps and cell.stages.resolution.increase_resolution else None)
    for after in cell.evaluation.after:
        later = after == "resolution" or (after == "transfer" and transfer.start == "resolution")
        yield (tuned if later else None) or cell.model.image_size
