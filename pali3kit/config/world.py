"""Names of the embedded world that options may have, apart from its code, so that checks need not import it."""

from __future__ import annotations

from typing import Literal

Artist = Literal["noto", "twemoji"]
WorldTask = Literal["heldout_category", "artist_category", "skin_tone", "flag", "digits", "count", "texture", "food"]
"""The small classification tasks of `data.world.probes`."""
