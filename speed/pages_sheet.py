"""Contact sheets of pages: many pages of a kind in one PNG, to be looked at.

    python speed/pages_sheet.py KIND FILE.png [--size 128] [--count 60] [--columns 10] [--first 0]

Pages of train and test alternate; those of test have a red border.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from pali3kit.data.pages.lexicon import SPLITS
from pali3kit.data.pages.pages import Pages

BORDER = 2  # pixels
COLOURS = {"train": (90, 90, 90), "test": (200, 40, 40)}


def sheet(kind: str, size: int, count: int, columns: int, first: int) -> Image.Image:
    """Draw `count` pages in rows of `columns`."""
    pages, cell = Pages([kind], size), size + 2 * BORDER
    image = np.full((-(-count // columns) * cell, columns * cell, 3), 255, np.uint8)
    for number in range(count):
        split = SPLITS[number % 2]
        y, x = number // columns * cell, number % columns * cell
        image[y : y + cell, x : x + cell] = COLOURS[split]
        drawn = pages.draw(pages.page(split, kind, first + number // 2)).image
        image[y + BORDER : y + BORDER + size, x + BORDER : x + BORDER + size] = drawn
    return Image.fromarray(image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind")
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first page")
    args = parser.parse_args()
    sheet(args.kind, args.size, args.count, args.columns, args.first).save(args.file)


if __name__ == "__main__":
    main()
