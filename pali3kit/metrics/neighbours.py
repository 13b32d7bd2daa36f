"""Classes of the nearest neighbours, weighed by how near they are (Caron et al. 2021, DINO)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from pali3kit.errors import DataError
from pali3kit.metrics.inputs import require_features, require_labels

TEMPERATURE = 0.07
COLDEST = 0.002  # e^(1/0.002) is a number still
QUERIES, GALLERY = 1024, 16_384  # test and train features compared at once: 64 MiB of cosines


@torch.inference_mode()
def nearest_classes(
    train_features: NDArray[np.floating],
    train_labels: NDArray[np.integer],
    test_features: NDArray[np.floating],
    neighbours: int = 20,
    temperature: float = TEMPERATURE,
    device: torch.device | str = "cpu",
) -> NDArray[np.int64]:
    """The class of each test feature `[M,D]`, by the votes of its nearest train features `[N,D]`, either in a file.

    A neighbour at the cosine c votes with exp(c / temperature); of equal classes the lower one wins. Computed in fp32;
    which of train features that are equally far are among the neighbours is not told. Raises DataError where there are
    fewer of them than `neighbours`, or none is asked for, where features are not finite, of different widths or without
    a label, and for a temperature that votes overflow at.
    """
    require_labels(train_features, train_labels, "train pictures")
    require_features(train_features, "train pictures")
    require_features(test_features, "test pictures", train_features.shape[1])
    if not COLDEST <= temperature < np.inf:
        raise DataError(f"the temperature of votes is {COLDEST} at least, not {temperature}")
    if not len(test_features):
        raise DataError("there are no test pictures whose classes could be told")
    if not 1 <= neighbours <= len(train_features):
        raise DataError(f"{neighbours} neighbours asked of {len(train_features)} train pictures")
    classes, votes_for = np.unique(train_labels, return_inverse=True)
    labels = torch.from_numpy(votes_for).to(device)
    cosines, nearest = _nearest(test_features, train_features, neighbours, device)
    found = []
    for start in range(0, len(cosines), QUERIES):
        some = slice(start, start + QUERIES)
        weights = (cosines[some].double() / temperature).exp()
        votes = weights.new_zeros(len(weights), len(classes)).scatter_add_(1, labels[nearest[some]], weights)
        found.append(classes[votes.argmax(1).numpy(force=True)])
    return np.concatenate(found).astype(np.int64)


def _nearest(
    queries: NDArray[np.floating], gallery: NDArray[np.floating], count: int, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """The largest cosines `[Q,count]` with a gallery, a part of it at a time, and the rows that they are of.

    The gallery is the larger one: it is read once.
    """
    best = torch.full((len(queries), count), -torch.inf, device=device)
    rows = torch.zeros_like(best, dtype=torch.int64)
    for first, some in _units(gallery, GALLERY, device):
        for start, asked in _units(queries, QUERIES, device):
            part = slice(start, start + len(asked))
            cosines, places = (asked @ some.T).topk(min(count, len(some)))
            best[part], kept = torch.cat([best[part], cosines], 1).topk(count)
            rows[part] = torch.cat([rows[part], places + first], 1).gather(1, kept)
    return best, rows


def _units(features: NDArray[np.floating], size: int, device: torch.device | str) -> Iterator[tuple[int, Tensor]]:
    """Features of unit length, `size` rows at a time, with the number of the first."""
    for first in range(0, len(features), size):
        some = torch.from_numpy(np.array(features[first : first + size], np.float32)).to(device)
        if not torch.linalg.vector_norm(some, dim=1).isfinite().all():
            raise DataError(f"features from row {first} on are so large that float32 has no number for their length")
        yield first, normalize(some, dim=1)
