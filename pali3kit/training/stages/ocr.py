"""The words that an OCR engine reads in every image of a split, once (Table 2)."""

from __future__ import annotations

from pali3kit.data.ocr import create_engine
from pali3kit.plan.kinds.ocr import Config
from pali3kit.training.components import build_source
from pali3kit.training.context import StageContext
from pali3kit.training.corpus import record_skipped
from pali3kit.training.ocr_words import WordsFile


def run(config: Config, context: StageContext) -> None:
    """Write `words.jsonl`, the words of each image with their boxes, to which a continued run appends.

    Images that cannot be decoded have no words there; they are listed in `skipped.txt`.
    """
    source = build_source(config.source, config.image_size)
    with record_skipped(source, context):
        words = WordsFile(context.folder, create_engine(config.engine, context.threads), source, config.split)
        for number in range(config.count):
            reason = words.error(number)
            if source.skips is not None:
                source.skips.count([reason])
            context.report(number + 1, config.count)
