"""The few-shot probe: how well a linear classifier on pooled features learns from a few shots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from pali3kit.metrics.probe import ridge_probe
from pali3kit.vision.vit import ViT

BATCH = 128
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def few_shot_probe(
    vision: ViT, tasks: Iterable[tuple[str, Arrays]], shots: int, draws: int, seed: int
) -> Iterator[tuple[str, list[float], int]]:
    """For each task (name, train images, train labels, test images, test labels): name, accuracies in percent, n.

    Images are uint8 `[n,H,W,3]` at the encoder's native size. One accuracy per draw of the shots.
    """
    for name, (train_images, train_labels, test_images, test_labels) in tasks:
        train, test = (pooled_features(vision, images) for images in (train_images, test_images))
        accuracies = ridge_probe(train, train_labels, test, test_labels, shots=shots, draws=draws, seed=seed)
        yield name, [100 * accuracy for accuracy in accuracies], len(test_labels)


@torch.inference_mode()
def pooled_features(vision: ViT, images: np.ndarray) -> np.ndarray:
    """uint8 `[n,H,W,3]` to the encoder's pooled outputs, float32 `[n,D]`."""
    vision.eval()
    batches = (vision.image_spec.normalise(images[start : start + BATCH]) for start in range(0, len(images), BATCH))
    return np.concatenate([vision.pooled(batch).numpy() for batch in batches])
