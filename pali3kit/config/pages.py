"""Names of the embedded pages that options may have, apart from their code, so that checks need not import it."""

from __future__ import annotations

from typing import Literal

PagePart = Literal["sign", "cover", "poster", "document", "diagram", "chart", "screen", "widget", "crowd"]
"""The parts of the source `pages`, each the counterpart of one or two public data sets."""
