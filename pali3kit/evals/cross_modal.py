"""Retrieval between images and texts, per language (Crossmodal-3600, COCO)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from pali3kit.data.sets.contract import Caption
from pali3kit.errors import DataError
from pali3kit.evals.features import Features, TextEmbedder, embed_texts
from pali3kit.evals.scores import EvalResult
from pali3kit.metrics.retrieval import recall_hits

TOP = (1, 5, 10)
DIRECTIONS = ("i2t", "t2i")


def retrieval(
    towers: TextEmbedder,
    images: Features,
    captions: Mapping[str, Sequence[Caption]],
    top: Sequence[int] = TOP,
) -> Iterator[EvalResult]:
    """Yield recall at each of `top` per language (`i2t@1/de`), then the mean over languages (`i2t@1`).

    `i2t` is the share of images that have one of their own captions among the nearest, `t2i` the share of captions
    that have their image there. `captions` are by language, each with the number of its image, a row of `images`. The
    samples of a mean over languages are one per image with a caption, as captions of one image are not independent.

    Raises DataError where there are no captions.
    """
    if not captions:
        raise DataError("retrieval needs captions in at least one language")
    image_features = torch.from_numpy(np.array(images.features))
    captioned = np.unique([owner for own in captions.values() for owner, _ in own])
    sums = {f"{direction}@{k}": np.zeros(len(captioned)) for direction in DIRECTIONS for k in top}
    for language, own in captions.items():
        owners = np.array([owner for owner, _ in own], np.int64)
        texts = embed_texts(towers, (text for _, text in own))
        recall = recall_hits(image_features.to(texts.device), texts, torch.from_numpy(owners).to(texts.device), top)
        for direction, hits, rows in (
            ("i2t", recall.image_to_text, np.unique(owners)),
            ("t2i", recall.text_to_image, owners),
        ):
            places = np.searchsorted(captioned, rows)
            for column, k in enumerate(top):
                name, right = f"{direction}@{k}", hits[:, column].numpy(force=True)
                yield EvalResult.of_hits(f"{name}/{language}", right)
                # weighted so that the mean over images equals the mean over languages of each language's share
                np.add.at(sums[name], places, 100.0 * right * len(captioned) / (len(rows) * len(captions)))
    for name, samples in sums.items():
        yield EvalResult(float(samples.mean()), samples.tolist(), name=name)
