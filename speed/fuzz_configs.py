"""Run `check` on damaged experiments: counts of outcomes, the slowest and the largest cases.

    python speed/fuzz_configs.py [--number 10000] [--seed 0] [--crafted PATTERN] [--plan 300]

Random mutations of the shipped files, and the crafted ones whose label matches the pattern, are each checked in a fork
after the imports (0.3 s). A case is `accepted`, `refused` with a message, or bad: a `traceback`, `slow` (over 2 s of
CPU), `fat` (over 300 MB), or it imported `torch`. With `--plan`, the graphs of that many accepted cases are built,
which must succeed. The exit code is 1 if a case is bad.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[1]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests")]

from mutations import Case, crafted, mutations  # noqa: E402
from trials import BAD, Outcome, checked, planned, trial  # noqa: E402


def run_cases(what: str, cases: Iterable[Case], work: Callable[[list[str]], tuple[str, str]]) -> tuple[int, list[Case]]:
    """Run all cases and print their outcomes; return the number of bad ones, and the accepted ones."""
    outcomes: list[tuple[Case, Outcome]] = []
    for case in cases:
        outcome = trial(case, work)
        outcomes.append((case, outcome))
        if outcome.kind in BAD:
            print(
                f"{what} {case.label}: {outcome.kind}, {outcome.seconds:.2f} s, {outcome.megabytes:.0f} MB", flush=True
            )
            print(f"  {case.overrides}\n  {outcome.told[-1500:]}", flush=True)
    print(f"{what}: {len(outcomes)}: {dict(Counter(outcome.kind for _, outcome in outcomes).most_common())}")
    if outcomes:
        slowest = max(outcomes, key=lambda pair: pair[1].seconds)
        largest = max(outcomes, key=lambda pair: pair[1].megabytes)
        print(f"  slowest {slowest[1].seconds:.2f} s ({slowest[0].label})", end="")
        print(f", largest {largest[1].megabytes:.0f} MB ({largest[0].label})", flush=True)
    accepted = [case for case, outcome in outcomes if outcome.kind == "accepted"]
    return sum(outcome.kind in BAD for _, outcome in outcomes), accepted


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crafted", default="", help="a pattern of their labels")
    parser.add_argument("--plan", type=int, default=0)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, PyYAML {yaml.__version__}, {platform.machine()}")
    thought = [case for case in crafted() if re.search(given.crafted, case.label)]
    bad, accepted = run_cases("crafted", thought, checked)
    more, random = run_cases("mutations", mutations(given.number, given.seed), checked)
    few = [*accepted[: given.plan // 3], *random][: given.plan]
    unplanned = run_cases("planned", few, planned)[0] if few else 0
    return int(bad + more + unplanned > 0)


if __name__ == "__main__":
    sys.exit(main())
