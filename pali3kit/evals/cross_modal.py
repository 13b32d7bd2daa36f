"""Retrieval between pictures and texts, language by language (Crossmodal-3600, COCO)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pali3kit.data.sets.contract import Caption
from pali3kit.errors import DataError
from pali3kit.evals.features import Features, ReadsTexts, embed_texts
from pali3kit.evals.scores import Measured, measured
from pali3kit.metrics.retrieval import recall_hits

TOP = (1, 5, 10)
DIRECTIONS = ("i2t", "t2i")


def retrieval(
    towers: ReadsTexts,
    images: Features,
    captions: Mapping[str, Sequence[Caption]],
    top: Sequence[int] = TOP,
) -> Iterator[Measured]:
    """Recall at each of `top`, for each language (`i2t@1/de`), then the mean over languages (`i2t@1`).

    `i2t`: the share of pictures one of whose own captions is among the nearest; `t2i`: the share of captions whose
    picture is. `captions` are by language, each with the number of its picture, a row of `images`. The samples of a
    mean over languages are one for each picture with a caption: those in all languages stand and fall together.

    Raises DataError where there are no captions.
    """
    if not captions:
        raise DataError("retrieval needs captions in at least one language")
    pictures = torch.from_numpy(np.array(images.features))
    told = np.unique([owner for said in captions.values() for owner, _ in said])
    sums = {name: np.zeros(len(told)) for name in _names(top)}
    for language, said in captions.items():
        owners = np.array([owner for owner, _ in said], np.int64)
        texts = embed_texts(towers, (text for _, text in said))
        recall = recall_hits(pictures.to(texts.device), texts, torch.from_numpy(owners).to(texts.device), top)
        for direction, hits, rows in (
            ("i2t", recall.image_to_text, np.unique(owners)),
            ("t2i", recall.text_to_image, owners),
        ):
            places = np.searchsorted(told, rows)
            for column, k in enumerate(top):
                name, right = f"{direction}@{k}", hits[:, column].numpy(force=True)
                yield measured(f"{name}/{language}", right)
                # so weighed that the mean over pictures is the mean over languages of each language's share
                np.add.at(sums[name], places, 100.0 * right * len(told) / (len(rows) * len(captions)))
    for name, samples in sums.items():
        yield Measured(name, float(samples.mean()), len(samples), samples)


def _names(top: Sequence[int]) -> list[str]:
    return [f"{direction}@{k}" for direction in DIRECTIONS for k in top]


def kept(captions: Sequence[Caption], rows: NDArray[np.intp]) -> list[Caption]:
    """The captions of the pictures `rows`, numbered by their place in `rows`: the others could not be read."""
    place = {int(row): number for number, row in enumerate(rows)}
    return [(place[owner], text) for owner, text in captions if owner in place]
