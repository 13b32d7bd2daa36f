"""Exact recall at k between images and texts, without a matrix of all pairs (COCO, Crossmodal-3600)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pali3kit.errors import DataError
from pali3kit.metrics.base import GatheredMetric

BUDGET = 1 << 18  # scores at a time: 1 MiB, about 5 MiB with temporaries
EPSILON = 1e-8


class Recall(NamedTuple):
    """Hits, bool: of the images that have texts `[N',K]`, in order, and of the texts `[M,K]`, for K ranks."""

    image_to_text: Tensor
    text_to_image: Tensor


def recall_hits(
    images: Tensor, texts: Tensor, owners: Tensor, top: Sequence[int] = (1, 5, 10), budget: int = BUDGET
) -> Recall:
    """Whether an image has one of its own texts, and a text its image, among the `top` nearest in cosine similarity.

    Args:
        images: `[N,E]`, of any norm.
        texts: `[M,E]`.
        owners: int64 `[M]`, the image of each text. An image may have several texts, or none.
        top: K ranks, counted from 1.
        budget: how many scores are held at a time; at least one row of the gallery.

    Equal scores are ranked by their indices, as in a stable sort, so the result does not depend on `budget`.

    Raises:
        DataError: widths differ, an owner is no image, there are no texts, or features are not finite.
    """
    _check(images, texts, owners)
    owners = owners.long()  # an index of uint8 would be taken as a mask
    if min(top, default=1) < 1:
        raise DataError(f"ranks are counted from 1: {list(top)}")
    ranks = torch.tensor(list(top), device=images.device)
    own_texts = torch.argsort(owners, stable=True)
    with_texts, counts = torch.unique_consecutive(owners[own_texts], return_counts=True)
    rows = torch.arange(len(with_texts), device=owners.device).repeat_interleave(counts)
    image_ranks = _ranks(images, with_texts, texts, rows, own_texts, budget)
    every = torch.arange(len(texts), device=owners.device)
    text_ranks = _ranks(texts, every, images, every, owners, budget)
    return Recall(image_ranks[:, None] < ranks, text_ranks[:, None] < ranks)


def _ranks(queries: Tensor, chosen: Tensor, gallery: Tensor, rows: Tensor, own: Tensor, budget: int) -> Tensor:
    """The rank, from 0, of the best match of each of `queries[chosen]` in the gallery: int64 `[Q]`.

    `gallery[own[i]]` is a match of `queries[chosen[rows[i]]]`; `rows` are sorted.
    """
    gallery = gallery.float()
    shrink = 1 / _lengths(gallery).clamp(min=EPSILON)  # scales the scores, so that features need no normalised copy
    step = max(1, budget // len(gallery))
    ranks = []
    for start in range(0, len(chosen), step):
        some = chosen[start : start + step]
        ends = torch.tensor([start, start + len(some)], device=rows.device)
        first, last = torch.searchsorted(rows, ends).tolist()
        scores = (normalize(queries[some].float(), dim=-1, eps=EPSILON) @ gallery.T).mul_(shrink)
        ranks.append(_places(scores, rows[first:last] - start, own[first:last]))
    return torch.cat(ranks)


def _places(scores: Tensor, rows: Tensor, own: Tensor) -> Tensor:
    """In each row of scores, the rank of the best of its own entries, which are at (rows[i], own[i])."""
    count = scores.shape[1]
    matches = scores[rows, own]
    best = matches.new_full((len(scores),), -torch.inf).scatter_reduce(0, rows, matches, "amax")
    firsts = own.masked_fill(matches < best[rows], count)
    place = own.new_full((len(scores),), count).scatter_reduce(0, rows, firsts, "amin")
    equal_before = scores == best[:, None]
    equal_before &= torch.arange(count, device=scores.device) < place[:, None]
    return (scores > best[:, None]).sum(1) + equal_before.sum(1)


def _lengths(features: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(features.float(), dim=1)
    return lengths


def _check(images: Tensor, texts: Tensor, owners: Tensor) -> None:
    if images.ndim != 2 or texts.ndim != 2:
        raise DataError(
            f"features of images {list(images.shape)} and texts {list(texts.shape)} should be [N, E], [M, E]"
        )
    if owners.ndim != 1 or owners.is_floating_point() or owners.is_complex() or owners.dtype == torch.bool:
        raise DataError(f"owners are whole numbers [M], not {owners.dtype} {list(owners.shape)}")
    if images.shape[-1] != texts.shape[-1]:
        widths = f"image features have {images.shape[-1]} numbers, text features {texts.shape[-1]}"
        raise DataError(f"{widths}: they are not of the same model")
    if not len(texts) or len(owners) != len(texts):
        raise DataError(f"{len(texts)} texts and {len(owners)} owners: each text needs the number of its image")
    if owners.min() < 0 or owners.max() >= len(images):
        raise DataError(f"owners are from {owners.min()} to {owners.max()}, images from 0 to {len(images) - 1}")
    for name, each in (("images", images), ("texts", texts)):
        if not _lengths(each).isfinite().all():  # fewer numbers than the features
            raise DataError(f"the features of {name} are not all finite")


class RetrievalRecall(GatheredMetric):
    """Recall at each of `top` in percent, over batches of images with their texts.

    `update(images [B,E], texts [C,E], owners int64 [C])`, where owners count from 0 in each batch. `compute` returns
    `i2t@1`, ..., `t2i@10`.
    """

    higher_is_better = True
    kept: ClassVar = {"images": torch.float32, "texts": torch.float32, "owners": torch.int64, "counts": torch.int64}

    def __init__(self, top: Sequence[int] = (1, 5, 10), **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.top = tuple(top)

    def update(self, images: Tensor, texts: Tensor, owners: Tensor) -> None:
        """Keep the features of a batch; images may be without texts, and a batch may be empty."""
        if len(texts) or len(owners):
            _check(images, texts, owners)
        self.keep("images", images)
        self.keep("texts", texts)
        self.keep("owners", owners)
        self.keep("counts", torch.tensor([len(images), len(texts), images.shape[-1] if len(images) else 0]))

    def compute(self) -> dict[str, Tensor]:
        """Percent by direction and rank; NaN before any text."""
        images, texts, owners = (self.joined(name) for name in ("images", "texts", "owners"))
        image_counts, text_counts, widths = self.joined("counts").view(-1, 3).unbind(1)
        if not len(owners):
            nothing = torch.empty(0, len(self.top), device=self.device)
            return dict(_shares(Recall(nothing, nothing), self.top))
        width, *others = widths[widths > 0].unique().tolist()
        if others:
            raise DataError(f"batches have features of {width} and of {others[0]} numbers: they are not of one model")
        starts = (image_counts.cumsum(0) - image_counts).repeat_interleave(text_counts)
        recall = recall_hits(images.view(-1, width), texts.view(-1, width), owners + starts, self.top)
        return dict(_shares(recall, self.top))


def _shares(recall: Recall, top: Sequence[int]) -> Iterator[tuple[str, Tensor]]:
    for name, hits in (("i2t", recall.image_to_text), ("t2i", recall.text_to_image)):
        for column, k in enumerate(top):
            yield f"{name}@{k}", 100 * hits[:, column].float().mean()
