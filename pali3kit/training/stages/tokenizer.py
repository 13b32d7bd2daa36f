"""The tokenizer: SentencePiece trained on the source's text, or a file that is given."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pali3kit.config.vocabulary import CODES
from pali3kit.data.source import Source
from pali3kit.plan.kinds.tokenizer import Config
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.training.context import Cost, Sizes, StageContext
from pali3kit.training.corpus import listing
from pali3kit.training.parts import build_source, describe

SAMPLE = 2000  # sentences that a calibration trains on


def run(config: Config, context: StageContext) -> None:
    """Write `tokenizer.model`, and how many mask tokens and rows come after its pieces."""
    context.report(0, 1)
    path, codes = context.folder / "tokenizer.model", config.codes or CODES
    if config.file is not None:
        shutil.copyfile(config.file, path)
    else:
        source = _source(config)
        with listing(source, context):
            train(source, config, context.seed, config.sentences, path)
    tokenizer = Tokenizer(path, codes, rows=config.rows)
    describe(context.folder, codes=codes, rows=tokenizer.vocabulary.rows)
    context.report(1, 1)


def calibrate(config: Config, sizes: Sizes) -> Cost:
    """The whole cost, from a few sentences: training takes time in proportion. A file is only copied."""
    if config.file is not None:
        return Cost(0.0)
    sample = min(SAMPLE, config.sentences)
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        train(_source(config), config, 0, sample, Path(folder) / "tokenizer.model")
    return Cost((time.perf_counter() - start) * config.sentences / sample)


def _source(config: Config) -> Source:
    assert config.source is not None
    return build_source(config.source)


def train(source: Source, config: Config, seed: int, sentences: int, path: Path) -> None:
    """Train on so many sentences of the source."""
    train_tokenizer(source.sentences(seed, config.bins, sentences), path, config.vocabulary or 0)
