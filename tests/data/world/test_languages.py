from __future__ import annotations

from pali3kit.data.world.languages import LANGUAGES


def test_the_36_of_crossmodal_3600():
    assert len(set(LANGUAGES)) == 36
    assert list(LANGUAGES) == sorted(LANGUAGES)
    assert {"en", "fil", "quz", "mi", "zh"} <= set(LANGUAGES)
