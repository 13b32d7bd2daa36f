"""Span corruption (T5) of a text's words, as a task beside others: prompt and target are texts, not yet tokens."""

from __future__ import annotations

import numpy as np

from pali3kit.text.denoise import span_noise

DENSITY, MEAN_SPAN = 0.15, 3  # T5's, and UL2's first R
MOST = 100  # sentinels, as many as every supported tokenizer has


def corrupt_spans(text: str, rng: np.random.Generator) -> tuple[str, str] | None:
    """`text` with a sentinel for each missing span, and the spans, each after its sentinel; None for a single word.

    A text without spaces is corrupted by characters instead of words. The first word is never missing.

    >>> corrupt_spans("a cat sits on a red mat", np.random.default_rng(1))
    ('a cat sits on a red <extra_id_0>', '<extra_id_0> mat')
    """
    words, space = (text.split(), " ") if " " in text.strip() else ([*text.strip()], "")
    if len(words) < 2:
        return None
    missing = span_noise(1, len(words), DENSITY, MEAN_SPAN, rng, MOST)[0]
    kept: list[str] = []
    spans: list[list[str]] = []
    for before, gone, word in zip([False, *missing[:-1]], missing, words, strict=True):
        if gone and not before:
            kept.append(f"<extra_id_{len(spans)}>")
            spans.append([])
        (spans[-1] if gone else kept).append(word)
    target = " ".join(f"<extra_id_{i}> {space.join(span)}" for i, span in enumerate(spans))
    return space.join(kept), target
