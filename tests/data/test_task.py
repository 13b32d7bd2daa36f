"""Examples."""

from __future__ import annotations

import dataclasses

import pytest

from pali3kit.data.task import Example


def test_an_example_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Example((0,), "prompt", "target").prompt = "other"  # type: ignore[misc]
