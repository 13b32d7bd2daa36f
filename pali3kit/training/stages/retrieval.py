"""Evaluates image-to-text and text-to-image retrieval in every language of a set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.sets.contract import Caption
from pali3kit.errors import DataError
from pali3kit.evals.cross_modal import DIRECTIONS, retrieval
from pali3kit.evals.scores import EvalResult
from pali3kit.plan.kinds.retrieval import Config
from pali3kit.training.context import StageContext
from pali3kit.training.feature_files import features_in, rows_in
from pali3kit.training.stages.embed import build_captioned
from pali3kit.training.stages.measured import write_columns
from pali3kit.training.stages.zero_shot import read_text_encoder


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: R@1 in both directions, averaged over languages; all recalls as `extra`."""
    captioned, folder = build_captioned(config), context.parents["images"]
    rows = rows_in(folder, "test")
    captions = {language: _captions_of(captioned.captions(language), rows) for language in captioned.languages}
    if unread := [language for language, texts in captions.items() if not texts]:
        lines = "".join(f"no image with a caption in '{language}' can be read\n" for language in unread)
        (context.folder / "skipped.txt").write_text(lines, encoding="utf-8")
    captions = {language: texts for language, texts in captions.items() if texts}
    if not captions:
        raise DataError("no readable image has a caption: see skipped.txt of the stage embed")
    dual_encoder, images = read_text_encoder(config, context), features_in(folder, "test")
    found = _reported(retrieval(dual_encoder, images, captions), context, 6 * len(captions))
    results = {result.name: result for result in found}
    columns = {direction: results[f"{direction}@1"] for direction in DIRECTIONS}
    write_columns(context.folder, columns, {name: one.value for name, one in results.items()})


def _captions_of(captions: Sequence[Caption], rows: NDArray[np.intp]) -> list[Caption]:
    """The captions of the images `rows`, renumbered by their place in `rows`: the other images cannot be read."""
    place = {int(row): number for number, row in enumerate(rows)}
    return [(place[owner], text) for owner, text in captions if owner in place]


def _reported(results: Iterator[EvalResult], context: StageContext, total: int) -> Iterator[EvalResult]:
    """The results, with a progress report after each of the first `total`."""
    for number, result in enumerate(results, start=1):
        if number <= total:
            context.report(number, total)
        yield result
