"""The test examples of a benchmark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.source import Source
from pali3kit.data.task import Example, held_out
from pali3kit.errors import DataError, counted
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.plan.step import Step
from pali3kit.registry import SOURCE

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


def require_examples(steps: Sequence[Step]) -> None:
    """Raise DataError where a benchmark has too few test examples, before anything is trained.

    Checked are the evaluations in `steps`, the steps that will run, if their model is trained by one of `steps` and
    their source reads files. Annotation files are read, images are not, and only as many examples as a score needs.
    """
    running = {step.digest for step in steps}
    checks: dict[tuple[str, str, int, int, str], None] = {}  # distinct ones, in order
    for step in steps:
        if isinstance(config := step.config, Config) and step.parents["model"].digest in running:
            source_json = json.dumps(dict(config.source), sort_keys=True)
            checks[source_json, config.benchmark, config.bins, config.test, config.task] = None
    sources: dict[str, Source] = {}
    for source_json, benchmark, bins, test, task in checks:
        options = json.loads(source_json)
        if source_json not in sources:
            sources[source_json] = SOURCE.build(options["name"], **{k: v for k, v in options.items() if k != "name"})
        source = sources[source_json]
        if source.skips is None:  # a generated source cannot have bad records
            continue
        source.skips.most = 1.0  # the evaluation step checks the share of bad records
        try:
            scorable_indices(
                benchmark, benchmark_examples(source, benchmark, bins, test, BENCHMARK.find(benchmark).fewest, task)
            )
        except DataError as error:
            bad = "".join(f" Skipped: {line}" for line in list(source.skips.lines)[:1])
            file = options.get("test") or options.get("path") or f"source '{options['name']}'"
            own = f" `pali3kit check-data {file}` tells what is missing." if options["name"] == "records" else ""
            raise DataError(f"{file}: {error}{bad}{own}") from error
