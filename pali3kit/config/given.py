"""Whether weights and folders that an experiment names are there."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pali3kit.config.budgets import Complaint
from pali3kit.config.part import Part


def found(part: Part, key: str) -> Iterator[Complaint]:
    """Check that weights are where a part says that they are."""
    weights = part.options.get("weights")
    if weights and not os.path.exists(weights):
        yield f"{key}.weights", f"there is no file or folder '{weights}'"


def taught(part: Part, stage: str, examples: int) -> Iterator[Complaint]:
    """Check that a part that its stage leaves as it is has weights."""
    if examples == 0 and not part.options.get("weights") and not part.name.startswith("hf/"):
        text = f"0 examples leave a {part.name} without weights random: give weights, or examples."
        yield f"stages.{stage}.examples", text
