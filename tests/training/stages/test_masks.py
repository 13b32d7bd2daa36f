"""Stage 0c: the mask tokenizer."""

from __future__ import annotations

from typing import Any

import torch

from pali3kit.training.parts import read_masks


def test_the_artifact_turns_masks_to_tokens_and_back(chain: Any) -> None:
    masks = read_masks(chain("masks"))
    codes = masks.encode(torch.ones(2, 1, 64, 64))
    assert codes.shape == (2, 16) and masks.decode(codes).shape == (2, 1, 64, 64)
    assert not any(p.requires_grad for p in masks.parameters()) and not masks.training


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("masks").seconds > 0
