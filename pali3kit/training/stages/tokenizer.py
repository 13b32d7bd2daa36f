"""The tokenizer: SentencePiece trained on the source's text."""

from __future__ import annotations

from typing import Any

from pali3kit.text.tokenizer import train_tokenizer
from pali3kit.training.context import StageContext
from pali3kit.training.parts import build_source


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `tokenizer.model`."""
    context.report(0, 1)
    source = build_source(config)
    train_tokenizer(source.sentences(context.seed), context.folder / "tokenizer.model", config["vocabulary"])
    context.report(1, 1)
