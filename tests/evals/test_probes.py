"""The few-shot probe."""

from __future__ import annotations

import numpy as np
import torch

from pali3kit.evals.probes import few_shot_probe, pooled_features
from pali3kit.metrics.probe import ridge_probe
from pali3kit.vision.vit import ViT


def test_it_is_the_ridge_probe_on_pooled_features() -> None:
    torch.manual_seed(0)
    vision = ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8)
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = (rng.integers(0, 60, (60, 16, 16, 3)) + 80 * labels[:, None, None, None]).astype(np.uint8)
    arrays = (images[:30], labels[:30], images[30:], labels[30:])
    [(name, hits)] = few_shot_probe(vision, [("brightness", arrays)], shots=5, draws=2, seed=1)
    train, test = pooled_features(vision, images[:30]), pooled_features(vision, images[30:])
    expected = ridge_probe(train, labels[:30], test, labels[30:], shots=5, draws=2, seed=1)
    assert name == "brightness" and hits.shape == (2, 30)
    assert hits.mean(1).tolist() == expected
    assert min(expected) > 0.6  # brightness is there to be read, even from random weights


def test_features_do_not_depend_on_the_batch() -> None:
    vision = ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8)
    images = np.random.default_rng(0).integers(0, 255, (130, 16, 16, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        pooled_features(vision, images)[129], pooled_features(vision, images[129:])[0], atol=1e-5
    )
