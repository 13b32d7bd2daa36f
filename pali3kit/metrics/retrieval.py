"""Retrieval between pictures and texts: recall at k in both directions (paper.md section 5, Table 6's XM3600 columns).

Every query is held against the whole gallery, a chunk of queries at a time, and only the place of its best match is
kept: no matrix of all pictures and all texts exists. Scores are cosines in float32. Equal scores are placed by index,
the lower first, as a stable sort of falling scores does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from pali3kit.errors import DataError
from pali3kit.losses.sigmoid import normalize

KS = (1, 5, 10)
BUDGET = 2**20


class Recall(NamedTuple):
    """Whether a query finds a match among its first k; a column for each k. The mean of a column is recall at k.

    `image_to_text`: bool `[N',K]` for the N' pictures that have a text, in the order of their index.
    `text_to_image`: bool `[M,K]`.
    """

    image_to_text: Tensor
    text_to_image: Tensor


def recall_hits(images: Tensor, texts: Tensor, owners: Tensor, ks: Sequence[int] = KS, budget: int = BUDGET) -> Recall:
    """For each picture: is one of its own texts among the k that fit best? For each text: is its picture?

    Args:
        images: `[N,E]` embeddings of any length and float dtype.
        texts: `[M,E]`, on the same device.
        owners: int64 `[M]`, the index of each text's picture. A picture may have several texts, or none.
        ks: how many places count.
        budget: scores that exist at a time (4 bytes each, and as much again to compare them); at least one query's.

    Raises:
        DataError: widths or lengths differ, an owner is not a picture, there is no text, or an embedding is not finite.
    """
    _check(images, texts, owners, ks)
    places = torch.tensor(tuple(ks), device=images.device)
    own_texts = torch.argsort(owners, stable=True)
    pictures, counts = torch.unique_consecutive(owners[own_texts], return_counts=True)
    queries = torch.arange(len(pictures), device=owners.device).repeat_interleave(counts)
    to_text = _ranks(images, pictures, texts, queries, own_texts, budget)
    every = torch.arange(len(texts), device=owners.device)
    to_image = _ranks(texts, every, images, every, owners, budget)
    return Recall(to_text[:, None] < places, to_image[:, None] < places)


def _ranks(rows: Tensor, chosen: Tensor, gallery: Tensor, queries: Tensor, targets: Tensor, budget: int) -> Tensor:
    """How many of the gallery come before the best own match of each query, int64 `[Q]`.

    Queries are `rows[chosen]`; pair i says that `targets[i]` of the gallery is a match of query `queries[i]`, rising.
    """
    gallery, shrink = gallery.float(), 1 / (_norms(gallery) + 1e-8)  # of scores: no normalised copy of the gallery
    step = max(1, budget // len(gallery))
    ranks = []
    for start in range(0, len(chosen), step):
        stop = min(start + step, len(chosen))
        first, last = torch.searchsorted(queries, torch.tensor([start, stop], device=queries.device)).tolist()
        scores = _dot_products(normalize(rows[chosen[start:stop]].float()), gallery).mul_(shrink)
        ranks.append(_places(scores, queries[first:last] - start, targets[first:last]))
    return torch.cat(ranks)


def _dot_products(queries: Tensor, gallery: Tensor) -> Tensor:
    with torch.autocast(queries.device.type, enabled=False):
        return queries @ gallery.T


def _places(scores: Tensor, queries: Tensor, targets: Tensor) -> Tensor:
    """Rank of the best own match in each row of scores, int64 `[q]`; own are the pairs (queries, targets)."""
    own = scores[queries, targets]
    best = own.new_full((len(scores),), -torch.inf).scatter_reduce(0, queries, own, "amax")
    firsts = targets.masked_fill(own < best[queries], scores.shape[1])
    place = targets.new_full((len(scores),), scores.shape[1]).scatter_reduce(0, queries, firsts, "amin")
    equal_before = (scores == best[:, None]) & (torch.arange(scores.shape[1], device=scores.device) < place[:, None])
    return (scores > best[:, None]).sum(1) + equal_before.sum(1)


def _norms(x: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(x.float(), dim=1)
    return norms


def _check(images: Tensor, texts: Tensor, owners: Tensor, ks: Sequence[int]) -> None:
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1]:
        raise DataError(
            f"Retrieval needs images [N,E] and texts [M,E] of one width; got {list(images.shape)} and "
            f"{list(texts.shape)}."
        )
    if owners.shape != (len(texts),) or owners.dtype != torch.int64:
        raise DataError(
            f"Retrieval needs the picture of each of {len(texts)} texts, int64; "
            f"got {owners.dtype} {list(owners.shape)}."
        )
    if not len(texts):
        raise DataError("Retrieval among no texts is not defined.")
    if len(wrong := torch.nonzero((owners < 0) | (owners >= len(images)))):
        text = int(wrong[0])
        raise DataError(
            f"Text {text} belongs to picture {int(owners[text])}; there are pictures 0 to {len(images) - 1}."
        )
    if not ks or min(ks) < 1:
        raise DataError(f"Recall is at k of 1 or more; got {list(ks)}.")
    for name, x in (("picture", images), ("text", texts)):
        if len(wrong := torch.nonzero(~_norms(x).isfinite())):
            raise DataError(f"The embedding of {name} {int(wrong[0])} of {len(x)} is not finite: its tower overflowed.")


class RetrievalRecall(Metric):
    """Recall at each k, in [0, 1], of all pictures and texts seen since the last reset: it keeps their embeddings.

    Pictures have a number of their own, by which texts name them, so batches may come in any order, from any rank.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    images: list[Tensor]
    numbers: list[Tensor]
    texts: list[Tensor]
    owners: list[Tensor]

    def __init__(self, ks: Sequence[int] = KS, budget: int = BUDGET, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ks, self.budget = tuple(ks), budget
        for state in ("images", "numbers", "texts", "owners"):
            self.add_state(state, [], dist_reduce_fx="cat")

    def update(self, images: Tensor, numbers: Tensor, texts: Tensor, owners: Tensor) -> None:
        """Adds pictures `[n,E]` and their numbers, int64 `[n]`, and texts `[m,E]` and their pictures' numbers `[m]`."""
        self.images.append(images.float())
        self.numbers.append(numbers)
        self.texts.append(texts.float())
        self.owners.append(owners)

    def compute(self) -> dict[str, Tensor]:
        """Scalars `image_to_text@k` and `text_to_image@k`. Equal scores: the lower number, the earlier text is first.

        Raises:
            DataError: as `recall_hits`, or a picture came twice, or a text's picture never came.
        """
        numbers, order = torch.sort(dim_zero_cat(self.numbers))
        owners = dim_zero_cat(self.owners)
        if len(twice := numbers[1:][numbers[1:] == numbers[:-1]]):
            raise DataError(f"Picture {int(twice[0])} came twice: a retrieval set has each picture once.")
        places = torch.searchsorted(numbers, owners).clamp(max=len(numbers) - 1)
        if len(missing := owners[numbers[places] != owners]):
            raise DataError(f"A text belongs to picture {int(missing[0])}, which is not among the {len(numbers)} seen.")
        hits = recall_hits(dim_zero_cat(self.images)[order], dim_zero_cat(self.texts), places, self.ks, self.budget)
        return {
            f"{direction}@{k}": column.float().mean()
            for direction, of in hits._asdict().items()
            for k, column in zip(self.ks, of.T, strict=True)
        }
