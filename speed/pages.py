"""Measure how many pages of each kind one core makes in a second, and the size of the fonts.

    python speed/pages.py [--sizes 128 256] [--count 200]

Seconds are those of the process, so that other programs on the machine disturb little; the median of five rounds of new
pages is printed. "facts" are the content, questions and captions, without drawing.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from pali3kit.data.pages.pages import PAGE, Pages
from pali3kit.data.pages.typeface import ASSETS

ROUNDS = 5


def speeds(kind: str, size: int, count: int) -> tuple[float, float]:
    """Pages per second: of their facts alone, and with drawing."""
    pages, found = Pages([kind], size), []
    for round_ in range(ROUNDS + 1):  # the first fills caches
        start = time.process_time()
        made = [pages.page("train", kind, round_ * count + index) for index in range(count)]
        middle = time.process_time()
        for page in made:
            pages.draw(page)
        found.append((count / (middle - start), count / (time.process_time() - start)))
    return median(facts for facts, _ in found[1:]), median(whole for _, whole in found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--count", type=int, default=100, help="pages a round")
    args = parser.parse_args()
    size = sum(file.stat().st_size for file in ASSETS.iterdir() if file.is_file())
    print(f"fonts: {size / 1024:.0f} kB\n\n| kind | pixels | facts/s | pages/s |\n|---|---|---|---|")
    for kind in PAGE.names():
        for side in args.sizes:
            facts, whole = speeds(kind, side, args.count)
            print(f"| {kind} | {side} | {facts:,.0f} | {whole:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
