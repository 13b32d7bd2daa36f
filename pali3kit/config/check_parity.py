"""The check of `evaluation.parity`."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, known_benchmarks
from pali3kit.config.check_slices import attributes_of
from pali3kit.config.root import measured_source
from pali3kit.config.schema import Experiment
from pali3kit.errors import brief, choose

_KEY = "evaluation.parity"


def check_parity(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there are two groups, which the benchmark's examples may be of, and texts that differ."""
    parity = cell.evaluation.parity
    for benchmark in [each for each in map(BENCHMARK.find, known_benchmarks(cell)) if each.parity]:
        if len({*parity.between}) != 2 or len(parity.between) != 2:
            yield (
                f"{_KEY}.between",
                f"{_KEY}.between should name two values, not {', '.join(parity.between) or 'none'}.",
            )
        if not parity.texts or len({*parity.texts}) < len(parity.texts) or not all(map(str.strip, parity.texts)):
            yield f"{_KEY}.texts", f"{_KEY}.texts should be one text at least, each once and none of them blank."
        known = attributes_of(measured_source(cell, benchmark))
        if known is None:
            continue
        if parity.by not in known:
            has = choose(parity.by, known) or " They have none."
            yield f"{_KEY}.by", f"the examples of {benchmark.name} have no attribute '{brief(parity.by)}'.{has}"
        elif known[parity.by]:
            for value in parity.between:
                if value not in known[parity.by]:
                    meant = choose(value, known[parity.by])
                    yield f"{_KEY}.between", f"no example of {benchmark.name} has {parity.by} '{brief(value)}'.{meant}"
