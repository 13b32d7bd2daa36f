"""Captions and answers against their references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pali3kit.data.task import Example
from pali3kit.evals.scores import Scores
from pali3kit.metrics.cider import cider, whitespace
from pali3kit.metrics.vqa import vqa_accuracy


def score_captions(examples: Sequence[Example], predictions: Sequence[str]) -> Scores:
    """CIDEr x 100 over all examples, in English, with the official tokenizer."""
    value, samples = cider(predictions, [e.references for e in examples])
    return Scores(100 * value, [100 * score for score in samples])


def score_multilingual(examples: Sequence[Example], predictions: Sequence[str]) -> Scores:
    """CIDEr x 100 per language, in `extra` under `en`, `avg35` (the mean of all others) and `languages`.

    As for Crossmodal-3600, texts are split at their spaces: writing without spaces comes tokenized from the source.
    `value` is the mean of all languages.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for i, example in enumerate(examples):
        rows[example.language].append(i)
    samples = [0.0] * len(examples)
    languages: dict[str, float] = {}
    for language, indices in sorted(rows.items()):
        references = [examples[i].references for i in indices]
        value, scores = cider([predictions[i] for i in indices], references, tokenize=whitespace)
        languages[language] = 100 * value
        for i, score in zip(indices, scores, strict=True):
            samples[i] = 100 * score
    others = [value for language, value in languages.items() if language != "en"]
    parts = {"en": languages["en"], "avg35": sum(others) / len(others)}
    return Scores(sum(languages.values()) / len(languages), samples, {**parts, "languages": languages})


def score_answers(examples: Sequence[Example], predictions: Sequence[str]) -> Scores:
    """VQA accuracy in percent against each example's ten annotators."""
    value, samples = vqa_accuracy(predictions, [e.references for e in examples])
    return Scores(100 * value, [100 * score for score in samples])
