"""The test examples of a benchmark."""

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

SEED = 0  # the test set does not depend on the seed of the training


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
    """Up to `limit` examples of a benchmark on the images from `start` to `count`.

    `task` replaces the benchmark's own task of the source. For regions, the test split has one task per set of
    expressions, `refer_only`, while validation examples, of the train split, are of the task that is trained on. A
    multilingual benchmark (`caption_multilingual`) takes examples of the task `caption_<language>` in each of the
    source's languages, as Crossmodal-3600 does: `limit` images in English, which is a column of its own, and
    altogether twice as many in the other languages, which are averaged.
    """
    benchmark = BENCHMARK.find(name)
    part, dot, task_name = (task or benchmark.task).rpartition(".")  # a task of a union of sources is `part.task`
    if not benchmark.every_language:
        task_name += "_only" if benchmark.regions and split == "test" else ""
        return held_out(source.task(part + dot + task_name, bins), split, count, limit, SEED, start)
    examples: list[Example] = []
    general = task_name.removesuffix("_multilingual")
    for language in source.languages:
        pictures = limit if language == "en" else benchmark.share(limit, len(source.languages))
        examples += held_out(source.task(f"{part}{dot}{general}_{language}", bins), split, count, pictures, SEED, start)
    return examples


def scorable(name: str, examples: Sequence[Example]) -> list[int]:
    """The indices of the examples that can be scored: all, or of a multilingual benchmark those of languages with at
    least `benchmark.fewest` examples.

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


def require_examples(steps: Sequence[Step]) -> None:
    """Raise DataError where a benchmark has too few test examples, before anything is trained.

    Of `steps`, which are to run, the evaluations are checked whose model is trained among them, and whose data are
    files. Annotation files are read, images are not, and no more examples are drawn than a score needs.
    """
    running = {step.digest for step in steps}
    checks: dict[tuple[str, str, int, int, str], None] = {}  # distinct ones, in order
    for step in steps:
        if isinstance(config := step.config, Config) and step.parents["model"].digest in running:
            source_json = json.dumps(dict(config.source), sort_keys=True)
            checks[source_json, config.column, config.bins, config.test, config.task] = None
    sources: dict[str, Source] = {}
    for source_json, column, bins, test, task in checks:
        options = json.loads(source_json)
        if source_json not in sources:
            sources[source_json] = SOURCE.build(options["name"], **{k: v for k, v in options.items() if k != "name"})
        source = sources[source_json]
        if source.skips is None:  # a generated source cannot have bad records
            continue
        source.skips.most = 1.0  # the evaluation itself judges the share of bad records
        try:
            scorable(column, benchmark_examples(source, column, bins, test, BENCHMARK.find(column).fewest, task))
        except DataError as error:
            bad = "".join(f" Not used is {line}" for line in list(source.skips.lines)[:1])
            file = options.get("test") or f"source '{options['name']}'"
            raise DataError(f"{file}: {error}{bad}") from error
