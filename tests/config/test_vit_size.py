"""The FLOPs of a ViT from its shape alone are those that torch counts."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pali3kit.config.shapes import VitShape
from pali3kit.config.vit_size import vit_flops, vit_tokens
from pali3kit.vision.vit import ViT


@pytest.mark.parametrize("head", ["map", "token"])
@pytest.mark.parametrize(("shape", "side"), [(VitShape(48, 2, 4, 80, 8), 40), (VitShape(16, 3, 1, 16, 4), 12)])
def test_flops_are_those_of_torch(shape: VitShape, side: int, head: str) -> None:
    vit, counter = ViT(side, **asdict(shape), head=head), FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        tokens = vit(torch.zeros(1, 3, side, side))
    assert tokens.shape[1] == vit_tokens(shape, side)
    assert counter.get_total_flops() == vit_flops(shape, side, class_token=head == "token") > 0
