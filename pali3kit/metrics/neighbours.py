"""k-nearest-neighbour classification, weighted by similarity (Caron et al. 2021, DINO)."""

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
COLDEST = 0.002  # exp(1 / 0.002) is still finite in float64
QUERIES, GALLERY = 1024, 16_384  # test and train features that are compared at a time: 64 MiB of cosines


@torch.inference_mode()
def nearest_classes(
    train_features: NDArray[np.floating],
    train_labels: NDArray[np.integer],
    test_features: NDArray[np.floating],
    neighbours: int = 20,
    temperature: float = TEMPERATURE,
    device: torch.device | str = "cpu",
) -> NDArray[np.int64]:
    """The class of each test feature `[M,D]` by the votes of its nearest train features `[N,D]`; both may be in files.

    A neighbour with the cosine c has exp(c / temperature) votes; the lower of two equal classes wins. Similarities are
    computed in float32; which of equally near train features count as neighbours is unspecified.

    Raises:
        DataError: there are fewer train features than `neighbours`, features are not finite, of different widths or
            without a label, or votes overflow at this temperature.
    """
    require_labels(train_features, train_labels, "train images")
    require_features(train_features, "train images")
    require_features(test_features, "test images", train_features.shape[1])
    if not COLDEST <= temperature < np.inf:
        raise DataError(f"the temperature of votes is at least {COLDEST}, not {temperature}")
    if not len(test_features):
        raise DataError("there are no test images to classify")
    if not 1 <= neighbours <= len(train_features):
        raise DataError(f"neighbours are 1 to {len(train_features)}, the number of train images, not {neighbours}")
    classes, class_of = np.unique(train_labels, return_inverse=True)
    labels = torch.from_numpy(class_of).to(device)
    cosines, nearest = _nearest(test_features, train_features, neighbours, device)
    predictions = []
    for start in range(0, len(cosines), QUERIES):
        part = slice(start, start + QUERIES)
        weights = (cosines[part].double() / temperature).exp()
        votes = weights.new_zeros(len(weights), len(classes)).scatter_add_(1, labels[nearest[part]], weights)
        predictions.append(classes[votes.argmax(1).numpy(force=True)])
    return np.concatenate(predictions).astype(np.int64)


def _nearest(
    queries: NDArray[np.floating], gallery: NDArray[np.floating], count: int, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """The `count` largest cosines of each query with the gallery `[Q,count]`, and the gallery's rows.

    Both are compared in parts. The gallery, which is larger, is read from its file once.
    """
    best = torch.full((len(queries), count), -torch.inf, device=device)
    rows = torch.zeros_like(best, dtype=torch.int64)
    for first, keys in _normalised_parts(gallery, GALLERY, device):
        for start, some in _normalised_parts(queries, QUERIES, device):
            part = slice(start, start + len(some))
            cosines, places = (some @ keys.T).topk(min(count, len(keys)))
            best[part], kept = torch.cat([best[part], cosines], 1).topk(count)
            rows[part] = torch.cat([rows[part], places + first], 1).gather(1, kept)
    return best, rows


def _normalised_parts(
    features: NDArray[np.floating], size: int, device: torch.device | str
) -> Iterator[tuple[int, Tensor]]:
    """Features scaled to unit length, `size` rows at a time, each with the number of its first row."""
    for first in range(0, len(features), size):
        part = torch.from_numpy(np.array(features[first : first + size], np.float32)).to(device)
        if not torch.linalg.vector_norm(part, dim=1).isfinite().all():
            raise DataError(f"features from row {first} on are so large that their length overflows float32")
        yield first, normalize(part, dim=1)
