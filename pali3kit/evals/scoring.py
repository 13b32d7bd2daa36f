"""The metrics of generated answers, by the names that benchmarks have for them."""

from __future__ import annotations

import numpy as np

from pali3kit.catalogue import BENCHMARK
from pali3kit.errors import DataError
from pali3kit.evals.regions import score_regions
from pali3kit.evals.scores import Answered, Metric, Scores
from pali3kit.evals.texts import score_answers, score_captions, score_multilingual
from pali3kit.metrics.demands import demand_pairs
from pali3kit.registry import METRIC


def score(benchmark: str, answered: Answered) -> Scores:
    """Score answers by the benchmark's metric.

    Raises RegistryError for an unknown one, DataError where there is not an answer and a score for each example.
    """
    name = BENCHMARK.find(benchmark).metric
    metric: Metric = METRIC.get(name)
    demand_pairs(answered.answers, answered.examples, f"metric '{name}'", "example")
    scores = metric(answered)
    if len(scores.samples) != len(answered.examples) or not np.isfinite([scores.value, *scores.samples]).all():
        found = f"{scores.value} of {len(scores.samples)} samples"
        raise DataError(f"metric '{name}' tells {found} on {len(answered.examples)} examples: one number for each.")
    return scores


@METRIC.register("cider", "CIDEr-D, as the official scorer, without Java")
def cider(answered: Answered) -> Scores:
    """CIDEr x 100 of English captions, with the official tokenizer."""
    return score_captions(answered.examples, answered.answers)


@METRIC.register("cider_by_language", "CIDEr-D of each language, English and the mean of the others")
def cider_by_language(answered: Answered) -> Scores:
    """CIDEr x 100 in every language; writing without spaces is tokenized by the source."""
    pairs = zip(answered.answers, answered.examples, strict=True)
    spaced = [answered.source.tokenized(text, example.language) for text, example in pairs]
    return score_multilingual(answered.examples, spaced)


@METRIC.register("vqa_accuracy", "VQA accuracy over 10 annotators")
def vqa_accuracy(answered: Answered) -> Scores:
    """VQA accuracy in percent."""
    return score_answers(answered.examples, answered.answers)


@METRIC.register("segmentation_iou", "mean IoU of masks at full size")
def segmentation_iou(answered: Answered) -> Scores:
    """Mean IoU of masks in percent. Raises DataError where there is no mask tokenizer to read them."""
    if answered.masks is None:
        raise DataError("regions are scored with the mask tokenizer: there is none")
    return score_regions(answered.examples, answered.answers, answered.masks, answered.bins)
