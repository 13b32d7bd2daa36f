from __future__ import annotations

from pali3kit.config import shapes as facts
from pali3kit.vision import shapes


def test_the_vision_room_offers_the_same_shapes() -> None:
    assert shapes.VitShape.of("G/14") is facts.VIT_SHAPES["G/14"]
