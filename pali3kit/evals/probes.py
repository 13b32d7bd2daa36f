"""The few-shot probe: how well a linear classifier on pooled features learns from a few shots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from pali3kit.metrics.probe import probe_hits
from pali3kit.vision.vit import ViT

BATCH = 128
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def few_shot_probe(
    vision: ViT, tasks: Iterable[tuple[str, Arrays]], shots: int, draws: int, seed: int
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """For each task (name, train images, train labels, test images, test labels): its name, and which test images
    the classifier of each draw of the shots gets right, bool `[draws, n]`.

    Images are uint8 `[n,H,W,3]` at the encoder's native size.
    """
    for name, (train_images, train_labels, test_images, test_labels) in tasks:
        train, test = (pooled_features(vision, images) for images in (train_images, test_images))
        yield name, probe_hits(train, train_labels, test, test_labels, shots=shots, draws=draws, seed=seed)


@torch.inference_mode()
def pooled_features(vision: ViT, images: np.ndarray) -> np.ndarray:
    """uint8 `[n,H,W,3]` to the encoder's pooled outputs, float32 `[n,D]`."""
    vision.eval()
    device = next(vision.parameters()).device
    batches = (vision.image_spec.normalise(images[start : start + BATCH]) for start in range(0, len(images), BATCH))
    return np.concatenate([vision.pooled(batch.to(device)).numpy(force=True) for batch in batches])
