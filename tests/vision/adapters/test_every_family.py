"""One model of each family of timm, on the meta device; `speed/sweep_encoders.py` tries all names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import timm

sys.path.insert(0, str(Path(__file__).parents[3] / "speed"))

import sweep_encoders

SMALL = ("test", "tiny", "nano", "atto", "femto", "pico", "xxs", "_xs", "_s0", "_t0", "050")
CHOSEN = {
    "coat": "coat_lite_tiny", "hrnet": "hrnet_w18_small", "metaformer": "poolformer_s12", "iformer": "iformer_t",
    "efficientnet": "test_efficientnet", "byobnet": "test_byobnet", "sequencer": "sequencer2d_s",
}  # fmt: skip
"""Families whose smallest model is not the fastest."""
SIDES = {"sequencer": 56}  # the time of a recurrent network grows with the image
REFUSED = {
    "coat": "tokens are not on the grid",
    "crossvit": "patch does not divide",
    "deepseek_vit": "crop_mode is not known",
    "efficientvim": "patch does not divide",
    "inception_resnet_v2": "patch does not divide",
    "inception_v3": "patch does not divide",
    "inception_v4": "patch does not divide",
    "mobilenetv5": "tokens are not on the grid",
    "pit": "tokens are not on the grid",
}


def chosen(family: str) -> str:
    names: list[str] = timm.list_models(module=family)
    return CHOSEN.get(family) or min(names, key=lambda name: (not any(word in name for word in SMALL), len(name), name))


@pytest.mark.parametrize("family", [family for family in timm.list_modules() if timm.list_models(module=family)])
def test_a_family_works_or_is_refused_by_name(family: str) -> None:
    name = chosen(family)
    side = SIDES.get(family) or sweep_encoders.own_size("timm", name)
    found = sweep_encoders.judged("timm", name, thoroughly=False, side=side)
    assert "fault" not in found, found
    assert ("refused" in found) == (family in REFUSED), found
    if family in REFUSED:
        assert sweep_encoders.reason(str(found["refused"])) == REFUSED[family]


@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "levit_128s", "deit_tiny_distilled_patch16_224"])
def test_in_training_and_in_evaluation(name: str) -> None:
    found = sweep_encoders.judged("timm", name, thoroughly=True, side=sweep_encoders.own_size("timm", name))
    assert "kept" in found, found
