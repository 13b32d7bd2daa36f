"""What a YAML file may say of the embedded world, as facts: checked before it is imported."""

from __future__ import annotations

from typing import Literal

Artist = Literal["noto", "twemoji"]
WorldTask = Literal["heldout_category", "artist_category", "skin_tone", "flag", "digits", "count", "texture", "food"]
"""The small classification tasks of `data.world.probes`."""
