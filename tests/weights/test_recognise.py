"""Recognising layouts by the names of tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pali3kit.errors import WeightsError
from pali3kit.weights.recognise import LAYOUTS, recognise


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_signature_is_recognised_behind_any_prefix(name: str, prefix: str) -> None:
    layout, found = recognise({prefix + LAYOUTS[name].signature: torch.zeros(1)}, Path("x"))
    assert (layout.name, found) == (name, prefix)


def test_a_part_of_a_name_is_no_signature() -> None:
    with pytest.raises(WeightsError, match=r"x holds no ViT in a known layout \(augreg, .*; its first tensors are my_"):
        recognise({f"my_{LAYOUTS['timm'].signature}": torch.zeros(1)}, Path("x"))
