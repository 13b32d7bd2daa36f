"""Names of the embedded pages that options may have, apart from their code, so that checks need not import it."""

from __future__ import annotations

from typing import Literal

PAGES = "pages"  # the source's name
PAGE_SIDE = 96  # pixels, the least: words of smaller pages are illegible
PagePart = Literal["sign", "cover", "poster", "document", "diagram", "chart", "screen", "widget", "crowd"]
"""The parts of the source `pages`, each the counterpart of one or two public data sets."""
PART_ANNOTATIONS: dict[PagePart, tuple[str, ...]] = {
    "sign": ("captions", "words", "questions"),
    "cover": ("captions", "words", "questions"),
    "poster": ("captions", "words", "questions"),
    "document": ("captions", "words", "questions"),
    "diagram": ("captions", "words", "questions"),
    "chart": ("captions", "words", "questions"),
    "screen": ("captions", "words", "questions"),
    "widget": ("captions", "words"),
    "crowd": ("captions", "questions"),
}
"""What is known of a part's pages, as `RegistryEntry.annotations` has it of a source's records."""
