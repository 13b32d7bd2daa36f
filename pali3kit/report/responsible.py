"""Notes on benchmarks of toxicity, profanity and demographic parity: what stands in for what, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.catalogue import BENCHMARK
from pali3kit.report.model import Report

_PLANTED = (
    "The source 'planted' has scenes of the embedded world, not people: the texts to train on have a bias on some "
    "backgrounds, which its options name: by tone, and not by disc. Without backgrounds, nothing is planted."
)
PERCEIVED = (
    "Gender, age and ethnicity are what annotators perceived, not what people are; the sets have few values of each."
)
_SERVICE = (
    "The paper rated texts by the Perspective API, a service that ends with 2026 and cannot be had offline: its "
    "numbers cannot be reproduced, and those here are not comparable with them."
)


def responsible_notes(report: Report) -> Iterator[str]:
    """Yield the conditions of these benchmarks, where they are measured."""
    asked = [BENCHMARK.find(name) for name in report.config["evaluate"]]
    evaluation = report.config["evaluation"]
    for benchmark in [each for each in asked if each.text_scorers]:
        scorers = evaluation["text_scorers"]
        told = [f"{name} by {_component(scorers[name])}" for name in sorted(scorers)]
        lacking = [column.part for column in benchmark.columns if column.part not in scorers]
        without = f"; without a scorer, {' and '.join(lacking)} cannot be measured" if lacking else ""
        yield f"Texts of {benchmark.name} are rated: {', '.join(told)}{without}. {_SERVICE}"
    for benchmark in [each for each in asked if each.parity]:
        parity = evaluation["parity"]
        first, second = parity["between"]
        yield (
            f"{benchmark.name}: the mean log-perplexity of {len(parity['texts'])} texts for images of {parity['by']} "
            f"{first}, less that of {second}, in nats a token, end token included: above 0 they are more probable for "
            f"{second}, 0 is parity. Its slices have the log-perplexity itself. The paper's list could not be read."
        )
    if any(source["name"] == "planted" for source in report.config["data"]["benchmarks"].values()):
        yield _PLANTED
    measured = {column.name.partition(".")[0] for table in report.tables for column in table.columns}
    if any(benchmark.answered_by and benchmark.name in measured for benchmark in asked):  # not an embedded counterpart
        yield PERCEIVED


def _component(options: dict[str, object]) -> str:
    """A component with its options in words."""
    given = ", ".join(f"{key} {value}" for key, value in options.items() if key != "name" and value is not None)
    return f"{options['name']}{f' ({given})' if given else ''}"
