"""What the answers of a column are worth: each column has its metric."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.columns import EXPRESSIONS
from pali3kit.evals.regions import score_regions
from pali3kit.evals.scores import Scores
from pali3kit.evals.texts import score_answers, score_captions, score_multilingual
from pali3kit.masks.vqvae import MaskVQVAE


def score(
    column: str, examples: Sequence[Example], answers: Sequence[str], source: Source, masks: MaskVQVAE | None, bins: int
) -> Scores:
    """Score `answers` to `examples`: regions by mIoU, captions by CIDEr, all else by VQA accuracy.

    `column` is one of the report's. `source` says where the words of captions end. Regions are written with `masks` and
    boxes of `bins` steps; DataError is raised where there are no `masks` to read them.
    """
    if column in EXPRESSIONS:
        if masks is None:
            raise DataError(f"the column '{column}' is scored with the mask tokenizer: there is none")
        return score_regions(examples, answers, masks, bins)
    if column == "caption":
        return score_captions(examples, answers)
    if column == "caption_multilingual":
        spaced = [source.tokenized(text, e.language) for text, e in zip(answers, examples, strict=True)]
        return score_multilingual(examples, spaced)
    return score_answers(examples, answers)
