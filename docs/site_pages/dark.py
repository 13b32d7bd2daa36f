"""The figure of the landing page for dark backgrounds: the same file in other colours."""

from __future__ import annotations

import re
from pathlib import Path

FIGURE = "idea.svg"
COLOURS = {
    "#fff": "#131416",  # the background, as the theme's
    "#1c2430": "#e6e9ee",
    "#5a6675": "#a3adba",
    "#2457a6": "#8ab4f8",
    "#c2571a": "#f0a070",
    "#7b8794": "#8b96a3",
    "#c9d1db": "#4a545f",
    "#dfe6ee": "#39424e",
    "#f4f6f9": "#1d2025",
    "#e9f0fb": "#1a2638",
    "#fdf1e8": "#33241a",
}
"""What stands for each colour of the figure."""


def pages(docs: Path) -> dict[str, str]:
    """The dark figure. Raises KeyError for a colour of the figure that has no counterpart."""
    drawn = (docs / FIGURE).read_text(encoding="utf-8")
    return {f"reference/dark-{FIGURE}": re.sub(r'(?<=")#[0-9a-f]+(?=")', lambda found: COLOURS[found[0]], drawn)}
