"""The log-perplexities of given texts for the test images of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.answers import score_answers
from pali3kit.models.pali import PaLIModel
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.answering import VisualTokens
from pali3kit.training.context import StageContext
from pali3kit.training.device import chosen_device, inference_precision

AT_ONCE = 64  # examples between two reports of progress


def rate_given_texts(
    config: Config,
    context: StageContext,
    source: Source,
    examples: Sequence[Example],
    model: PaLIModel,
    tokenizer: Tokenizer,
    tokens: VisualTokens,
) -> tuple[list[Example], list[Mapping[str, float]]]:
    """The examples whose images can be read, and for each the log-perplexity of every text, in nats a token.

    Raises DataError where no image can be read.
    """
    assert config.parity is not None
    texts, device = config.parity.texts, chosen_device()
    bad, found = set(tokens.bad), list[tuple[Example, Mapping[str, float]]]()
    if source.skips is not None:
        source.skips.count_anew()
    for start in range(0, len(examples), AT_ONCE):
        some = [each for each in examples[start : start + AT_ONCE] if bad.isdisjoint(each.images)]
        tokens.found.clear()
        with inference_precision(context.execution.precision):
            rows = score_answers(
                model.to(device), tokenizer, some, [texts] * len(some), tokens.read, tokens.grid, config.prompt_length,
                True, context.execution.max_tokens_per_microbatch,
            )  # fmt: skip
        bad |= {number for number, reason in tokens.found if reason}
        if source.skips is not None:
            source.skips.count(reason for _, reason in tokens.found)
        for example, row in zip(some, rows, strict=True):
            found.append((example, dict(zip(texts, (-each for each in row), strict=True))))
        context.report(min(start + AT_ONCE, len(examples)), len(examples))
    good = [(example, row) for example, row in found if bad.isdisjoint(example.images)]
    if not good:
        raise DataError(f"no image of the test examples of '{config.benchmark}' can be read: see skipped.txt")
    return [example for example, _ in good], [row for _, row in good]
