"""The tokenizer: SentencePiece trained on the source's text."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pali3kit.data.source import Source
from pali3kit.text.tokenizer import train_tokenizer
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.corpus import listing
from pali3kit.training.parts import build_source, describe

CODES = 128  # mask tokens of the paper, where no mask tokenizer says otherwise
SAMPLE = 2000  # sentences that a calibration trains on


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `tokenizer.model` and how many mask tokens come after its pieces."""
    context.report(0, 1)
    source = build_source(config)
    with listing(source, context):
        train(source, config, context.seed, config["sentences"], context.folder / "tokenizer.model")
    describe(context.folder, codes=config["codes"] or CODES)
    context.report(1, 1)


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """The whole cost, from a few sentences: training takes time in proportion."""
    sample = min(SAMPLE, config["sentences"])
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        train(build_source(config), config, 0, sample, Path(folder) / "tokenizer.model")
    return Cost((time.perf_counter() - start) * config["sentences"] / sample)


def train(source: Source, config: dict[str, Any], seed: int, sentences: int, path: Path) -> None:
    """Train on so many sentences of the source."""
    train_tokenizer(source.sentences(seed, config["bins"], sentences), path, config["vocabulary"])
