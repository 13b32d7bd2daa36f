"""Scenes for the tests of captions and questions: generated once per session, and hand-made."""

import pytest

from pali3kit.data.world.scene import Scene, SceneThing, Sign
from pali3kit.data.world.world import World


@pytest.fixture(scope="session")
def classes():
    return World().classes


@pytest.fixture(scope="session")
def scenes():
    world = World()
    return [world.scene("train", index) for index in range(300)]


@pytest.fixture
def image():
    """A small turtle at the top left, a big pear on a red disc at the top right, a sign at the bottom."""
    turtle = SceneThing("🐢", (4, 4, 16, 16), "small", None)
    pear = SceneThing("🍐", (2, 40, 22, 60), "big", "red")
    return Scene("train", 7, 64, "noto", "blue", "plain", (turtle, pear), (Sign("bako", "yellow", (50, 20, 60, 44)),))


@pytest.fixture
def flock():
    """Three ducks: small and left, small and right on a red disc, big below in the middle."""
    left = SceneThing("🦆", (10, 4, 20, 14), "small", None)
    right = SceneThing("🦆", (10, 48, 20, 58), "small", "red")
    low = SceneThing("🦆", (44, 22, 62, 40), "big", None)
    return Scene("train", 8, 64, "noto", "green", "plain", (left, right, low), ())
