"""How many images sources in files have, and examples of tasks and benchmarks, which reads their annotations.

Answers are kept while files are as they were: the cells of a grid ask the same.
"""

from __future__ import annotations

import json
from functools import cache

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.component import Component
from pali3kit.errors import DataError, RegistryError
from pali3kit.plan.content import held_source, state_of
from pali3kit.plan.plain import component_json
from pali3kit.types import Named

_BINS = 1  # of coordinates, where examples are only counted


def images_in(source: Component, split: str, part: str = "") -> int:
    """How many images a split of a source in files has, or one part of a union of such. Raises DataError where its
    files cannot be read.
    """
    return _images(*state_of(component_json(source)), split, part)


def has_examples(source: Component, task: str, split: str, count: int) -> bool:
    """Whether any of the first `count` images of a split of `records`, or of a union of such files, may be an example
    of a task. Their files can be read: `images_in` finds out.
    """
    return _has_examples(*state_of(component_json(source)), task, split, count)


def why_too_few(source: Named, benchmark: str, bins: int, count: int, task: str = "") -> str:
    """Why the first `count` test images of a source do not have the examples that a score of a benchmark needs; "" if
    they do, or if the source generates them.

    Images are not read, and only as many annotations as a score needs.
    """
    return _too_few(*state_of(source), benchmark, bins, count, task)


@cache
def _images(source: str, state: str, split: str, part: str) -> int:
    from pali3kit.data.records import RecordSource
    from pali3kit.data.union import UnionSource

    built = held_source(source, state)
    if part:
        assert isinstance(built, UnionSource)
        return built.parts[part].size(split)
    assert isinstance(built, RecordSource)
    return built.size(split)


@cache
def _has_examples(source: str, state: str, task: str, split: str, count: int) -> bool:
    try:
        return any(map(len, held_source(source, state).task(task, _BINS).where(split, count)))
    except RegistryError:  # no such task, which other checks report
        return True
    except DataError:  # no part of a union has one
        return False


@cache
def _too_few(source: str, state: str, benchmark: str, bins: int, count: int, task: str) -> str:
    from pali3kit.data.benchmark_examples import benchmark_examples, scorable_indices

    built, options = held_source(source, state), json.loads(source)
    if built.skips is None:  # a generated source cannot have bad records
        return ""
    built.skips.most = 1.0  # the evaluation step checks the share of bad records
    try:
        fewest = BENCHMARK.find(benchmark).fewest
        scorable_indices(benchmark, benchmark_examples(built, benchmark, bins, count, fewest, task))
    except (DataError, RegistryError) as error:
        bad = "".join(f" Skipped: {line}" for line in list(built.skips.lines)[:1])
        file = options.get("test") or options.get("path") or f"source '{options['name']}'"
        own = f" `pali3kit check-data {file}` tells what is missing." if options["name"] == "records" else ""
        return f"{file}: {error}{bad}{own}"
    return ""
