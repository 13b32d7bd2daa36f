from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.errors import DataError
from pali3kit.text.splitcap import _split_positions, split_caption

PROMPT = re.compile(r"Generate the alt_text in EN at (\d+): (.*) ?<extra_id_0>", re.DOTALL)


@settings(deadline=None)
@given(
    caption=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip),
    seed=st.integers(0, 99),
)
def test_prompt_and_target_are_the_caption(caption, seed):
    prompt, target = split_caption(caption, "en", np.random.default_rng(seed))
    found = PROMPT.fullmatch(prompt)
    position, caption = int(found[1]), caption.strip()
    assert target == caption[position:] != ""
    assert found[2].rstrip() == caption[:position].rstrip()


def test_split_at_words():
    caption = "a red  fox, left"
    assert _split_positions(caption) == [0, 2, 7, 12]


def test_every_position_is_equally_likely():
    rng = np.random.default_rng(0)
    targets = Counter(split_caption("a red fox", "en", rng)[1] for _ in range(3000))
    assert set(targets) == {"a red fox", "red fox", "fox"}
    assert all(abs(count - 1000) < 5 * 26 for count in targets.values()), "5 standard deviations"


@pytest.mark.parametrize(
    ("caption", "parts"),
    [
        ("红狐狸", ["红", "狐", "狸"]),
        ("กี่ตัว", ["กี่", "ตั", "ว"]),
        ("👩‍👧👍🏽", ["👩‍👧", "👍🏽"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("fox", ["f", "o", "x"]),
    ],
)
def test_without_spaces_split_between_characters(caption, parts):
    positions = [*_split_positions(caption), len(caption)]
    assert [caption[a:b] for a, b in pairwise(positions)] == parts


@pytest.mark.parametrize("caption", ["", " \n"])
def test_a_blank_caption_is_refused(caption):
    with pytest.raises(DataError, match="blank"):
        split_caption(caption, "en", np.random.default_rng(0))
