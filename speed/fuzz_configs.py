"""How `check` takes damaged experiments: counts of outcomes, the slowest and the largest.

    python speed/fuzz_configs.py [--number 10000] [--seed 0] [--plan 300]

Random mutations of the shipped files and the crafted ones, each checked in a process of its own. A case is `accepted`,
`refused` with a message, or bad: a `traceback`, `slow` (over 2 s of CPU), `fat` (over 300 MB), or it imported `torch`.
With `--plan`, so many of the accepted are planned too: what `check` accepts must not be refused there. Exit code 1
where anything is bad.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections import Counter
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[1]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests" / "config")]

from mutations import crafted, mutations  # noqa: E402
from trials import BAD, Outcome, trial  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plan", type=int, default=0)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, PyYAML {yaml.__version__}, {platform.machine()}")
    bad = 0
    accepted = []
    for what, cases in (("crafted", crafted()), ("mutations", mutations(given.number, given.seed))):
        outcomes: list[tuple[str, Outcome]] = []
        for case in cases:
            outcome = trial(case)
            outcomes.append((case.label, outcome))
            if outcome.kind in BAD:
                print(f"{what} {case.label}: {outcome.kind}, {outcome.seconds:.2f} s, {outcome.megabytes:.0f} MB")
                print(f"  {outcome.told[-600:]}")
            if outcome.kind == "accepted":
                accepted.append(case)
        bad += sum(outcome.kind in BAD for _, outcome in outcomes)
        print(f"{what}: {len(outcomes)}: {dict(Counter(outcome.kind for _, outcome in outcomes).most_common())}")
        for quantity in ("seconds", "megabytes"):
            label, worst = max(outcomes, key=lambda pair: float(getattr(pair[1], quantity)))
            print(f"  most {quantity}: {getattr(worst, quantity):.2f} ({label})")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
