"""The tokenizer: SentencePiece trained on the source's text."""

from __future__ import annotations

from typing import Any

from pali3kit.text.tokenizer import train_tokenizer
from pali3kit.training.context import StageContext
from pali3kit.training.parts import build_source, describe

CODES = 128  # mask tokens of the paper, where no mask tokenizer says otherwise


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `tokenizer.model` and how many mask tokens come after its pieces."""
    context.report(0, 1)
    sentences = build_source(config).sentences(context.seed, config["sentences"])
    train_tokenizer(sentences, context.folder / "tokenizer.model", config["vocabulary"])
    describe(context.folder, codes=config["codes"] or CODES)
    context.report(1, 1)
