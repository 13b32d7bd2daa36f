"""What a benchmark's metric is given: a model's answers to its test examples, or log-perplexities of given texts."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.evals.scores import Answered
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.pali import PaLIModel
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.answering import VisualTokens, answer_benchmark
from pali3kit.training.components import build_text_scorers
from pali3kit.training.context import StageContext
from pali3kit.training.distributed import Ranks
from pali3kit.training.given_texts import rate_given_texts


def answered_examples(
    config: Config,
    context: StageContext,
    source: Source,
    examples: Sequence[Example],
    model: PaLIModel,
    tokenizer: Tokenizer,
    tokens: VisualTokens,
    ranks: Ranks,
    masks: MaskVQVAE | None,
) -> Answered:
    """The examples whose images can be read, with their answers; nothing in other ranks than the first.

    Where texts are given (`config.parity`), one rank rates them, and the most probable one is the answer.
    """
    if config.parity is None:
        scorers = build_text_scorers(config.text_scorers) if context.writes else {}  # a bad folder is told at once
        answered, answers = answer_benchmark(config, context, source, examples, model, tokenizer, tokens, ranks)
        return Answered(answered, answers, source, masks, config.bins, scorers)
    if not context.writes:
        return Answered([], [], source, masks, config.bins)
    answered, rated = rate_given_texts(config, context, source, examples, model, tokenizer, tokens)
    best = [min(each, key=each.__getitem__) for each in rated]
    return Answered(answered, best, source, masks, config.bins, parity=config.parity, log_perplexities=rated)
