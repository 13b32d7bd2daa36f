from __future__ import annotations

from typing import Any

import pytest

from pali3kit.config.kinds import below, exists, is_section, keys
from pali3kit.config.part import Part
from pali3kit.config.schema import Experiment, Model


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("pretrain", True),
        ("model.projector", True),
        ("model.vision.width", True),
        ("model.vision.width.deeper", False),
        ("stages.multimodal.mixture.ocr", True),
        ("stages.vison.examples", False),
        ("pretrain.deeper", False),
        ("seeds.deeper", False),
    ],
)
def test_exists(key: str, there: bool) -> None:
    assert exists(Experiment, key) is there


def test_keys_are_dotted_and_all_exist() -> None:
    found = keys(Experiment)
    assert {"name", "stages", "stages.vision.optimizer.beta2", "model.vision"} <= set(found)
    assert all(exists(Experiment, key) for key in found)


def test_below() -> None:
    assert below(Experiment, "model") is Model
    assert below(dict[str, float], "anything") is float
    assert below(Part, "width") is Any
    assert below(Experiment, "nonsense") is Any
    assert is_section(Model)
    assert not is_section(Part)
