"""The formats of paper.md §2.2, letter by letter."""

from __future__ import annotations

import pytest

from pali3kit.text import prompts


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (prompts.for_caption("en"), "Generate the alt_text in EN at 0: <extra_id_0>"),
        (prompts.for_caption("QUZ"), "Generate the alt_text in QUZ at 0: <extra_id_0>"),
        (prompts.for_caption("fr", 9, "un renard"), "Generate the alt_text in FR at 9: un renard <extra_id_0>"),
        (prompts.for_caption("en", 5, "a:  b"), "Generate the alt_text in EN at 5: a:  b <extra_id_0>"),
        (prompts.for_ocr("EN"), "Generate the ocr_text in EN: <extra_id_0>"),
        (prompts.for_answer("how many?"), "Answer in EN: how many? <extra_id_0>"),
        (prompts.for_question("two", "DE"), "Generate a question in DE for two: <extra_id_0>"),
        (prompts.for_region("the brown dog on the left"), "detect: the brown dog on the left <extra_id_0>"),
    ],
)
def test_format(prompt, text):
    assert prompt == text
