"""The test examples of a benchmark, and whether they are enough for a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.source import Source
from pali3kit.data.task import Example, held_out
from pali3kit.errors import DataError, counted

SEED = 0  # of the choice of test examples, which are the same for every seed of an experiment


def benchmark_examples(
    source: Source,
    name: str,
    bins: int,
    count: int,
    limit: int,
    task: str = "",
    split: str = "test",
    start: int = 0,
) -> list[Example]:
    """Up to `limit` examples of a benchmark, from the images `start` to `count` (excluded) of a split.

    They are of the source's task `task`, by default the benchmark's own. Benchmarks of regions (`refcoco`) are tested
    on the task `<task>_only`, which has the expressions of one set alone, and validated on the task that is trained,
    with the split "train". A multilingual benchmark (`xm3600`) takes the task `caption_<language>` for each language
    of the source: `limit` images in English, which has its own column in reports, and altogether twice as many in the
    other languages, which are averaged.
    """
    benchmark = BENCHMARK.find(name)
    part, dot, task_name = (task or benchmark.task).rpartition(".")  # a task of a union of sources is `part.task`
    if not benchmark.every_language:
        task_name += "_only" if benchmark.regions and split == "test" else ""
        return held_out(source.task(part + dot + task_name, bins), split, count, limit, SEED, start)
    examples: list[Example] = []
    base_task = task_name.removesuffix("_multilingual")
    for language in source.languages:
        images = limit if language == "en" else benchmark.share(limit, len(source.languages))
        examples += held_out(source.task(f"{part}{dot}{base_task}_{language}", bins), split, count, images, SEED, start)
    return examples


def scorable_indices(name: str, examples: Sequence[Example]) -> list[int]:
    """The indices of the examples that can be scored.

    These are all examples; for a multilingual benchmark, those in languages with at least `benchmark.fewest` examples.
    Raises DataError where there are too few, where the answers to some are not public, or where the benchmark is a mean
    over groups and some are of none.
    """
    if hidden := sum(example.hidden for example in examples):
        text = (
            f"{hidden} of {len(examples)} test examples of '{name}' have no answers to score by, as those of a server"
        )
        raise DataError(f"{text}: take other test files here; `pali3kit evaluate` answers these for a submission.")
    benchmark = BENCHMARK.find(name)
    if benchmark.groups and not all(example.group for example in examples):
        raise DataError(f"'{name}' is the mean over {', '.join(benchmark.groups)}: it needs a test file of each.")
    counts = Counter(example.language if benchmark.every_language else "" for example in examples)
    enough = {language for language, count in counts.items() if count >= benchmark.fewest}
    if not enough:
        found = ", ".join(f"{language} {count}".strip() for language, count in sorted(counts.items())) or "none"
        fewest = counted(benchmark.fewest, "test example") + " in a language" * benchmark.every_language
        raise DataError(f"'{name}' needs at least {fewest}; found {found}.")
    return [n for n, each in enumerate(examples) if not benchmark.every_language or each.language in enough]
