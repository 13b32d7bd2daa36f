from __future__ import annotations

from pali3kit.data.world.scene import SceneThing


def test_centre_is_the_middle_of_the_box():
    assert SceneThing("\U0001f408", (10, 20, 20, 26), "small", None).centre == (15.0, 23.0)
