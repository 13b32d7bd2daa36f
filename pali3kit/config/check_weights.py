"""Checks that components have weights: from files that exist, or by training."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.component import Component
from pali3kit.config.missing_files import not_there


def check_exists(component: Component, key: str) -> Iterator[KeyProblem]:
    """Check that the file or folder in a component's option `weights` exists."""
    weights = component.options.get("weights")
    if weights and not os.path.exists(weights):
        yield f"{key}.weights", not_there("file or folder", weights)


def check_trained(component: Component, stage: str, examples: int) -> Iterator[KeyProblem]:
    """Check that a component is trained by its stage, or has pretrained weights."""
    if examples == 0 and not component.options.get("weights") and not component.name.startswith("hf/"):
        text = f"with 0 examples {component.name} keeps random weights: set its weights, or train it on examples."
        yield f"stages.{stage}.examples", text
