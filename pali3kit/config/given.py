"""Checks that the weights of components exist."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pali3kit.config.budgets import Complaint
from pali3kit.config.part import Part


def found(part: Part, key: str) -> Iterator[Complaint]:
    """Check that the weights that a component names exist."""
    weights = part.options.get("weights")
    if weights and not os.path.exists(weights):
        yield f"{key}.weights", f"there is no file or folder '{weights}'"


def taught(part: Part, stage: str, examples: int) -> Iterator[Complaint]:
    """Check that a component that its stage does not train has weights."""
    if examples == 0 and not part.options.get("weights") and not part.name.startswith("hf/"):
        text = f"with 0 examples {part.name} keeps random weights: set its weights, or train it on examples."
        yield f"stages.{stage}.examples", text
