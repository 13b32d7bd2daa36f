"""The check of `evaluation.text_scorers`."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit import registry
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, known_benchmarks
from pali3kit.config.check_data import check_files
from pali3kit.config.schema import Experiment
from pali3kit.errors import brief, choose

_KEY = "evaluation.text_scorers"


def check_text_scorers(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that scorers are called as the columns of a measured benchmark, and that their files are there."""
    asked = [each for each in map(BENCHMARK.find, known_benchmarks(cell)) if each.text_scorers]
    if not asked:
        return
    scorers, columns = cell.evaluation.text_scorers, {column.part for each in asked for column in each.columns}
    if not scorers:
        yield _KEY, f"{_KEY}: '{asked[0].name}' needs one at least.{choose('', columns)}"
    for name, part in scorers.items():
        key = f"{_KEY}.{name}"
        if name not in columns:
            yield key, f"{_KEY}: '{brief(name)}' is no column of {asked[0].name}.{choose(name, columns)}"
        if part.name in registry.TEXT_SCORER.names():
            yield from check_files(key, part, registry.TEXT_SCORER.describe(part.name), globs=False)
