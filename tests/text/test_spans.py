"""Span corruption of words."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.text.denoise import corrupt_spans


def corrupted(text: str, seed: int) -> tuple[str, str]:
    found = corrupt_spans(text, np.random.default_rng(seed))
    assert found is not None
    return found


def restored(given: str, asked: str, space: str) -> str:
    spans = dict(zip(re.findall(r"<extra_id_\d+>", asked), re.split(r"<extra_id_\d+> ?", asked)[1:], strict=True))
    for sentinel, span in spans.items():
        given = given.replace(sentinel, span.strip(), 1)
    return given


@given(
    st.lists(st.sampled_from(["a", "cat", "sits", "on", "mats"]), min_size=2, max_size=60), st.integers(0, 2**32 - 1)
)
@settings(max_examples=100, deadline=None)
def test_the_spans_are_what_is_missing(words: list[str], seed: int) -> None:
    text = " ".join(words)
    given_text, asked = corrupted(text, seed)
    assert restored(given_text, asked, " ") == text
    gone = sum(not word.startswith("<extra") for word in asked.split())
    assert gone == min(max(round(0.15 * len(words)), 1), len(words) - 1)
    assert given_text.split()[0] == words[0] and re.findall(r"\d+", asked) == [str(i) for i in range(asked.count("<"))]


def test_three_words_in_a_row_on_average() -> None:
    asked = [corrupted(" ".join(["word"] * 60), seed)[1] for seed in range(20)]
    assert all(text.count("word") == 9 and text.count("<extra_id_") == 3 for text in asked)


def test_writing_without_spaces_is_taken_sign_by_sign() -> None:
    given_text, asked = corrupted("赤い猫がマットの上にいる", 0)
    assert restored(given_text, asked, "") == "赤い猫がマットの上にいる" and " " not in given_text


@pytest.mark.parametrize("text", ["a", " a ", ""])
def test_there_is_nothing_to_ask_of_a_single_sign(text: str) -> None:
    assert corrupt_spans(text, np.random.default_rng(0)) is None
