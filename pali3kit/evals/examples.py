"""Which test examples a benchmark is measured on."""

from __future__ import annotations

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.source import Source
from pali3kit.data.task import Example, held_out

SEED = 0  # a test set is one test set, whatever the seed of the training


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
    """Up to `limit` examples of a benchmark over the pictures from `start` to `count`; `task` is the source's, where
    an experiment names it.

    Of regions the test split has a task for each set of expressions, `refer_only`; of the train split expressions are
    those that are trained on, of all sets. A benchmark in every language, of the task `caption_multilingual`, asks for
    each of its pictures in each with the tasks `caption_<language>`, as Crossmodal-3600 does. English, which is a
    column of its own, has `limit` pictures; the others, which are averaged, share twice the limit.
    """
    benchmark = BENCHMARK.find(name)
    part, dot, asked = (task or benchmark.asks).rpartition(".")
    if not benchmark.every_language:
        asked += "_only" if benchmark.regions and split == "test" else ""
        return held_out(source.task(part + dot + asked, bins), split, count, limit, SEED, start)
    examples: list[Example] = []
    general = asked.removesuffix("_multilingual")
    for language in source.languages:
        pictures = limit if language == "en" else benchmark.share(limit, len(source.languages))
        examples += held_out(source.task(f"{part}{dot}{general}_{language}", bins), split, count, pictures, SEED, start)
    return examples
