"""Scoring generated answers by the metric of their benchmark, and the registered metrics of texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.scores import Answered, EvalResult, Metric
from pali3kit.metrics.captions import bleu, rouge_l
from pali3kit.metrics.cider import cider, whitespace
from pali3kit.metrics.inputs import require_pairs, require_texts
from pali3kit.metrics.ptb import ptb_tokenize
from pali3kit.metrics.vqa import answer_score, exact_match
from pali3kit.registry import METRIC
from pali3kit.types import Json

ONE, FEW = "questions with one answer", "questions with two or three answers"


def score(benchmark: str, answered: Answered) -> EvalResult:
    """Score answers by the benchmark's metric; `extra` has the mean of each group of questions, where there are any.

    Raises RegistryError for an unknown benchmark or metric, DataError where there is not an answer and a sample for
    each example, or where some of the benchmark's groups have no example.
    """
    name = BENCHMARK.find(benchmark).metric
    metric: Metric = METRIC.get(name)
    require_pairs(answered.answers, answered.examples, f"metric '{name}'", "example")
    result = metric(answered)
    if result.n != len(answered.examples) or not np.isfinite([result.value, *result.samples]).all():
        found = f"the value {result.value} with {result.n} samples for {len(answered.examples)} examples"
        raise DataError(f"metric '{name}' returned {found}: it needs one finite sample for each.")
    return _by_group(benchmark, answered.examples, result)


def _by_group(benchmark: str, examples: Sequence[Example], result: EvalResult) -> EvalResult:
    """The result with the means of groups; its value is the mean of these where the benchmark averages over groups."""
    samples: dict[str, list[float]] = defaultdict(list)
    for example, sample in zip(examples, result.samples, strict=True):
        samples[example.group].append(sample)
    if not any(samples):
        return result
    means = {group: sum(each) / len(each) for group, each in sorted(samples.items()) if group}
    wanted = BENCHMARK.find(benchmark).groups
    if missing := [group for group in wanted if group not in means]:
        raise DataError(f"'{benchmark}' is the mean over {', '.join(wanted)}: there is no example of {missing[0]}.")
    value = sum(means[group] for group in wanted) / len(wanted) if wanted else result.value
    return replace(result, value=value, extra={**result.extra, **means})


@METRIC.register("cider", "CIDEr-D, as the official scorer, without Java")
def _cider(answered: Answered) -> EvalResult:
    """CIDEr x 100 of English captions, with the official tokenizer; BLEU-4 and ROUGE-L in `extra`."""
    references = [example.references for example in answered.examples]
    require_texts(answered.answers, references, "CIDEr", "image")
    captions = list(map(" ".join, ptb_tokenize(answered.answers)))
    tokenized = map(" ".join, ptb_tokenize(list(chain.from_iterable(references))))
    known = [[next(tokenized) for _ in texts] for texts in references]
    value, samples = cider(captions, known, tokenize=whitespace)
    others = {"BLEU-4": bleu, "ROUGE-L": rouge_l}
    extra = {name: 100 * metric(captions, known, tokenize=whitespace)[0] for name, metric in others.items()}
    return EvalResult(100 * value, [100 * sample for sample in samples], extra)


@METRIC.register("cider_by_language", "CIDEr-D of each language, English and the mean of the others")
def _cider_by_language(answered: Answered) -> EvalResult:
    """CIDEr x 100, the mean over languages.

    `extra` holds each language's score (`languages`) and number of images (`images`), English (`en`) and the mean of
    the others (`avg35`), as far as there are examples. As for Crossmodal-3600, texts are split at spaces; the source
    inserts these in languages that are written without.

    Raises DataError where a language has a single example.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for i, example in enumerate(answered.examples):
        rows[example.language].append(i)
    samples = [0.0] * len(answered.examples)
    languages: dict[str, float] = {}
    for language, indices in sorted(rows.items()):
        if len(indices) < 2:
            raise DataError(f"CIDEr of 1 image is 0 for any caption, and '{language}' has no more: leave it out.")
        captions = [answered.source.tokenized(answered.answers[i], language) for i in indices]
        value, scores = cider(captions, [answered.examples[i].references for i in indices], tokenize=whitespace)
        languages[language] = 100 * value
        for i, sample in zip(indices, scores, strict=True):
            samples[i] = 100 * sample
    others = [value for language, value in languages.items() if language != "en"]
    columns: dict[str, Json] = {"en": languages["en"]} if "en" in languages else {}
    if others:
        columns["avg35"] = sum(others) / len(others)
    images = {language: len(indices) for language, indices in sorted(rows.items())}
    extra = {**columns, "languages": languages, "images": images}
    return EvalResult(sum(languages.values()) / len(languages), samples, extra)


@METRIC.register("vqa_accuracy", "VQA accuracy over 10 annotators")
def _vqa_accuracy(answered: Answered) -> EvalResult:
    """VQA accuracy in percent against each question's ten annotators.

    It leaves each annotator out in turn, so questions with a single answer (VQ2A, GQA) are scored by exact match of the
    normalised texts. `extra` counts these (`ONE`), and those with two or three answers (`FEW`).
    """
    answers = [example.references for example in answered.examples]
    require_texts(answered.answers, answers, "VQA accuracy", "question")
    samples = [
        100 * (exact_match(text, known[0]) if len(known) == 1 else answer_score(text, known))
        for text, known in zip(answered.answers, answers, strict=True)
    ]
    counts = {ONE: sum(len(known) == 1 for known in answers), FEW: sum(1 < len(known) < 4 for known in answers)}
    extra = {name: count for name, count in counts.items() if count}
    return EvalResult(sum(samples) / len(samples), samples, extra)
