"""Which test examples a benchmark is measured on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.source import Source
from pali3kit.data.task import Example, held_out
from pali3kit.errors import DataError
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.plan.step import Step
from pali3kit.registry import SOURCE

Asked = tuple[str, int, int, str]
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
    part, dot, asked = (task or benchmark.task).rpartition(".")
    if not benchmark.every_language:
        asked += "_only" if benchmark.regions and split == "test" else ""
        return held_out(source.task(part + dot + asked, bins), split, count, limit, SEED, start)
    examples: list[Example] = []
    general = asked.removesuffix("_multilingual")
    for language in source.languages:
        pictures = limit if language == "en" else benchmark.share(limit, len(source.languages))
        examples += held_out(source.task(f"{part}{dot}{general}_{language}", bins), split, count, pictures, SEED, start)
    return examples


def scorable(name: str, examples: Sequence[Example]) -> list[int]:
    """The numbers of those examples that a benchmark is defined on: in every language, of languages that have enough.

    Raises DataError where there are none.
    """
    benchmark = BENCHMARK.find(name)
    counts = Counter(example.language if benchmark.every_language else "" for example in examples)
    enough = {language for language, count in counts.items() if count >= benchmark.fewest}
    if not enough:
        found = ", ".join(f"{language} {count}".strip() for language, count in sorted(counts.items())) or "none"
        where = "test examples in a language" if benchmark.every_language else "test examples"
        raise DataError(f"'{name}' is measured on {benchmark.fewest} {where} at least; found {found}.")
    return [n for n, each in enumerate(examples) if not benchmark.every_language or each.language in enough]


def demand_examples(steps: Sequence[Step]) -> None:
    """Raise DataError where a benchmark is not defined on the test examples that there are, before anything is trained.

    Of `steps` that are to be made, those are judged whose model is among them, on data in files. No more examples are
    drawn than it takes: the files that tell of pictures are read, the pictures are not.
    """
    made = {step.digest for step in steps}
    asked: dict[tuple[str, Asked], None] = {}
    for step in steps:
        if isinstance(config := step.config, Config) and step.parents["model"].digest in made:
            named = json.dumps(dict(config.source), sort_keys=True)
            asked[named, (config.column, config.bins, config.test, config.task)] = None
    sources: dict[str, Source] = {}
    for named, (column, bins, test, task) in asked:
        if named not in sources:
            options = json.loads(named)
            sources[named] = SOURCE.build(options.pop("name"), **options)
        source = sources[named]
        if source.skips is None:  # its content is made, and sure to be whole
            continue
        source.skips.most = 1.0  # the share of bad ones is judged where they are measured
        try:
            scorable(column, benchmark_examples(source, column, bins, test, BENCHMARK.find(column).fewest, task))
        except DataError as error:
            bad = "".join(f" Not used is {line}" for line in list(source.skips.lines)[:1])
            raise DataError(f"{_told_by(named)}: {error}{bad}") from error


def _told_by(named: str) -> str:
    """Where a source's test pictures are told of: its file, or its name."""
    options = json.loads(named)
    return str(options.get("test") or f"source '{options['name']}'")
