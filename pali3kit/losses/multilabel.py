"""Losses of the classification arm: sigmoid and softmax cross-entropy with several labels per image."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from pali3kit.nn.precision import at_least_float32


def multilabel_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Sigmoid cross-entropy summed over classes, mean over images (big_vision's `sigmoid_xent`, used on JFT).

    Args:
        logits: [B,C]; half precision is computed in float32.
        labels: [B,C], 0 or 1 (or anything between).

    Returns:
        Scalar.
    """
    logits = at_least_float32(logits)
    labels = labels.to(logits.dtype)
    # torch's own binary_cross_entropy_with_logits is off by 1% at logits of -10, where this head starts
    losses = labels * softplus(-logits) + (1 - labels) * softplus(logits)
    return losses.sum() / len(logits)


def softmax_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy, mean over images; several labels of an image share its probability equally.

    Args:
        logits: [B,C]; half precision is computed in float32.
        labels: [B,C], 0 or 1 (or any weights). An image without labels costs nothing.

    Returns:
        Scalar.
    """
    logits = at_least_float32(logits)
    labels = labels.to(logits.dtype)
    return cross_entropy(logits, labels / labels.sum(1, keepdim=True).clamp(min=1e-12))
