"""A training's checkpoint in the folder of its stage: whole, or told to be damaged and not used."""

from __future__ import annotations

import zipfile
from pathlib import Path

CHECKPOINT, PARTIAL = "last.ckpt", "partial.ckpt"


def damage(checkpoint: Path) -> str | None:
    """Say what is wrong with a checkpoint, or None. It is a zip archive, whose parts carry check sums."""
    try:
        if not checkpoint.stat().st_size:
            return "it is empty"
        with zipfile.ZipFile(checkpoint) as archive:
            part = archive.testzip()
    except Exception as error:  # whatever reading damaged bytes may raise
        return f"it cannot be read: {error}"
    return None if part is None else f"the check sum of its part {part} is wrong"
