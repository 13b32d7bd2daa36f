"""Frozen tokens: exactly what the encoder gives, to fp16."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pali3kit.training.components import Artifact, build_source
from pali3kit.training.frozen import FrozenTokens


def test_tokens_are_the_encoders(chain: Any) -> None:
    step = chain.step("features", split="test")
    tokens = FrozenTokens(chain.make(step), "test")
    vision = Artifact(chain.make(step.parents["vision"])).vision()
    source = build_source(step.plain["source"], 64)
    assert len(tokens) == 12 and tokens.grid == (4, 4) and tokens.width == 32
    with torch.no_grad():
        fresh = vision(vision.image_spec.normalise(source.image("test", 5)[None]))
    torch.testing.assert_close(tokens[torch.tensor([5])], fresh, atol=5e-3, rtol=5e-3)


def test_calibration(chain: Any) -> None:
    cost = chain.calibrate("features")
    assert cost.seconds > 0 and cost.tokens == 16
    folder = chain("features", split="test")
    assert cost.disk * 12 == np.load(folder / "test.npy").nbytes
