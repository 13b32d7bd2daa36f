"""Recall at k between pictures and texts, exactly, without a matrix of all pairs (COCO, Crossmodal-3600)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torchmetrics import Metric

from pali3kit.errors import DataError

BUDGET = 1 << 20  # scores at a time: 4 MiB


class Recall(NamedTuple):
    """Hits, bool, by rank: of the pictures that have texts `[N',K]`, in order, and of the texts `[M,K]`."""

    image_to_text: Tensor
    text_to_image: Tensor


def recall_hits(
    images: Tensor, texts: Tensor, owners: Tensor, top: Sequence[int] = (1, 5, 10), budget: int = BUDGET
) -> Recall:
    """Whether a picture finds one of its own texts, and a text its picture, among the `top` nearest by the cosine.

    Args:
        images: `[N,E]`, of any length.
        texts: `[M,E]`.
        owners: int64 `[M]`, the picture of each text. A picture may have several texts, or none.
        top: the K numbers of nearest that count.
        budget: how many scores there are at a time, in rows of whole galleries.

    Equal scores are in the order of their numbers, as a stable sort has them; so a result does not depend on `budget`.

    Raises:
        DataError: widths that differ, owners that are no pictures, no texts, or features that are not finite.
    """
    _demand(images, texts, owners)
    images, texts = (normalize(each.float(), dim=-1, eps=1e-8) for each in (images, texts))
    ranks = torch.tensor(list(top), device=images.device)
    owned = owners.unique()
    found = [_rank_of_any(images[rows], rows, texts, owners) for rows in owned.split(max(1, budget // len(texts)))]
    rows = torch.arange(len(texts), device=texts.device)
    sought = [_rank_of_one(texts[some], owners[some], images) for some in rows.split(max(1, budget // len(images)))]
    return Recall(torch.cat(found)[:, None] < ranks, torch.cat(sought)[:, None] < ranks)


def _rank_of_one(queries: Tensor, right: Tensor, gallery: Tensor) -> Tensor:
    """How many of the gallery come before the one that is right for each query."""
    scores = queries @ gallery.T
    own = scores.gather(1, right[:, None])
    before = torch.arange(len(gallery), device=scores.device) < right[:, None]
    return (scores > own).sum(1) + ((scores == own) & before).sum(1)


def _rank_of_any(queries: Tensor, numbers: Tensor, texts: Tensor, owners: Tensor) -> Tensor:
    """How many texts come before the first that belongs to each query: picture `numbers[i]`."""
    scores = queries @ texts.T
    own = owners == numbers[:, None]
    # argmax tells the first of equals: a stable sort's
    best = scores.masked_fill(~own, -torch.inf).argmax(1, keepdim=True)
    score = scores.gather(1, best)
    before = torch.arange(len(texts), device=scores.device) < best
    return (scores > score).sum(1) + ((scores == score) & before).sum(1)


def _demand(images: Tensor, texts: Tensor, owners: Tensor) -> None:
    if images.shape[-1] != texts.shape[-1]:
        widths = f"images of {images.shape[-1]} numbers and texts of {texts.shape[-1]}"
        raise DataError(f"{widths} do not meet: were they made by the same towers?")
    if not len(texts) or len(owners) != len(texts):
        raise DataError(f"{len(texts)} texts and {len(owners)} owners: each text needs its picture's number")
    if owners.min() < 0 or owners.max() >= len(images):
        raise DataError(f"owners are from {owners.min()} to {owners.max()}, pictures from 0 to {len(images) - 1}")
    for name, each in (("images", images), ("texts", texts)):
        if not each.isfinite().all():
            raise DataError(f"the features of {name} are not all finite")


class RetrievalRecall(Metric):
    """Recall at each of `top` in percent, over batches of pictures with their texts.

    `update(images [B,E], texts [C,E], owners int64 [C])`, owners counting from 0 in each batch. `compute` tells
    `i2t@1`, ..., `t2i@10`.
    """

    full_state_update = False
    images: list[Tensor]
    texts: list[Tensor]
    owners: list[Tensor]
    counts: list[Tensor]

    def __init__(self, top: Sequence[int] = (1, 5, 10)) -> None:
        super().__init__()
        self.top = tuple(top)
        for name in _STATES:
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, images: Tensor, texts: Tensor, owners: Tensor) -> None:
        """Keep the features of a batch."""
        self.images.append(images)
        self.texts.append(texts)
        self.owners.append(owners)
        self.counts.append(torch.tensor([[len(images), len(texts)]], device=images.device))

    def compute(self) -> dict[str, Tensor]:
        """Percent by direction and rank."""
        images, texts, owners, counts = (torch.cat(list(getattr(self, name))) for name in _STATES)
        starts = (counts[:, 0].cumsum(0) - counts[:, 0]).repeat_interleave(counts[:, 1])
        recall = recall_hits(images, texts, owners + starts, self.top)
        return dict(_shares(recall, self.top))


_STATES = ("images", "texts", "owners", "counts")


def _shares(recall: Recall, top: Sequence[int]) -> Iterator[tuple[str, Tensor]]:
    for name, hits in (("i2t", recall.image_to_text), ("t2i", recall.text_to_image)):
        for column, k in enumerate(top):
            yield f"{name}@{k}", 100 * hits[:, column].float().mean()
