"""Captions and answers against their references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.scores import Scores
from pali3kit.metrics.captions import bleu, rouge_l
from pali3kit.metrics.cider import cider, whitespace
from pali3kit.metrics.demands import demand_texts
from pali3kit.metrics.ptb import ptb_tokenize
from pali3kit.metrics.vqa import answer_score, exact_match
from pali3kit.types import Json

ONE, FEW = "questions with one answer", "questions with two or three answers"


def score_captions(examples: Sequence[Example], predictions: Sequence[str]) -> Scores:
    """CIDEr x 100 over all examples, in English, with the official tokenizer; BLEU-4 and ROUGE-L in `extra`."""
    references = [e.references for e in examples]
    demand_texts(predictions, references, "CIDEr", "picture")
    said = list(map(" ".join, ptb_tokenize(predictions)))
    words = map(" ".join, ptb_tokenize(list(chain.from_iterable(references))))
    known = [[next(words) for _ in texts] for texts in references]
    value, samples = cider(said, known, tokenize=whitespace)
    others = {"BLEU-4": bleu, "ROUGE-L": rouge_l}
    extra = {name: 100 * metric(said, known, tokenize=whitespace)[0] for name, metric in others.items()}
    return Scores(100 * value, [100 * score for score in samples], extra)


def score_multilingual(examples: Sequence[Example], predictions: Sequence[str]) -> Scores:
    """CIDEr x 100 per language, in `extra` under `en`, `avg35` (the mean of all others) and `languages`; `pictures` has
    how many there are in each. What there are no examples for, `en` or all others, is left out.

    As for Crossmodal-3600, texts are split at their spaces: writing without spaces comes tokenized from the source.
    `value` is the mean of all languages. Raises DataError where there are none, or one has a single example.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for i, example in enumerate(examples):
        rows[example.language].append(i)
    samples = [0.0] * len(examples)
    languages: dict[str, float] = {}
    for language, indices in sorted(rows.items()):
        references = [examples[i].references for i in indices]
        if len(indices) < 2:
            raise DataError(f"CIDEr of 1 picture is 0 whatever is said: '{language}' has no more, leave it out.")
        value, scores = cider([predictions[i] for i in indices], references, tokenize=whitespace)
        languages[language] = 100 * value
        for i, score in zip(indices, scores, strict=True):
            samples[i] = 100 * score
    if not languages:
        raise DataError("there are no captions in any language to compare with")
    others = [value for language, value in languages.items() if language != "en"]
    parts: dict[str, Json] = {"en": languages["en"]} if "en" in languages else {}
    if others:
        parts["avg35"] = sum(others) / len(others)
    pictures = {language: len(indices) for language, indices in sorted(rows.items())}
    extra = {**parts, "languages": languages, "pictures": pictures}
    return Scores(sum(languages.values()) / len(languages), samples, extra)


def score_answers(examples: Sequence[Example], predictions: Sequence[str]) -> Scores:
    """VQA accuracy in percent against each example's ten annotators.

    It leaves each of them out in turn: where one person answered (VQ2A, GQA), it is whether the prediction is that
    answer, both normalised. `extra` counts these questions, and those of two or three answers, under `ONE`, `FEW`.
    """
    answers = [e.references for e in examples]
    demand_texts(predictions, answers, "VQA accuracy", "question")
    samples = [
        100 * (exact_match(said, known[0]) if len(known) == 1 else answer_score(said, known))
        for said, known in zip(predictions, answers, strict=True)
    ]
    counts = {ONE: sum(len(known) == 1 for known in answers), FEW: sum(1 < len(known) < 4 for known in answers)}
    return Scores(sum(samples) / len(samples), samples, {name: count for name, count in counts.items() if count})
