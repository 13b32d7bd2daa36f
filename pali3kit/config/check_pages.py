"""Checks that pages are drawn large enough to be read."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, has_stage_2, known_benchmarks, recipe_of, transfer_of
from pali3kit.config.pages import PAGE_SIDE, PAGES
from pali3kit.config.root import own_source_key, source_of
from pali3kit.config.schema import Experiment


def check_pages(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that pages are not smaller than their words can be read: those of `data.source`, and of benchmarks."""
    small = f"are drawn at {PAGE_SIDE} pixels or more"
    if cell.data.source.name == PAGES and 0 < cell.model.image_size < PAGE_SIDE:
        yield "model.image_size", f"pages {small}, not {cell.model.image_size}"
    section = cell.stages.resolution
    if section.source is not None and section.source.name == PAGES and has_stage_2(cell):
        for size in (step.image_size for step in section.steps if 0 < step.image_size < PAGE_SIDE):
            yield "stages.resolution.source", f"pages {small}, not {size}, a size of stages.resolution.steps"
    for benchmark in map(BENCHMARK.find, known_benchmarks(cell)):
        source = source_of(cell, benchmark)
        size = min(_measured_sizes(cell, benchmark), default=PAGE_SIDE)
        if source is not None and source.name == PAGES and 0 < size < PAGE_SIDE:
            larger = "set model.image_size, or start from stage 2: stages.transfer.start, evaluation.after"
            text = f"benchmark '{benchmark.name}' is measured on pages, which {small}, not {size}: {larger}."
            yield own_source_key(cell, benchmark), text


def _measured_sizes(cell: Experiment, benchmark: Benchmark) -> Iterator[int]:
    """The sizes of the images that a generated benchmark is measured on: stage 1's, or of a step of stage 2."""
    transfer, steps = cell.stages.transfer, cell.stages.resolution.steps
    chosen = recipe_of(transfer, transfer_of(transfer, benchmark)).image_size or transfer.image_size
    tuned = chosen or (steps[-1].image_size if steps and cell.stages.resolution.increase_resolution else None)
    for after in cell.evaluation.after:
        later = after == "resolution" or (after == "transfer" and transfer.start == "resolution")
        yield (tuned if later else None) or cell.model.image_size
