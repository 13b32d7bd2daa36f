"""Losses: sigmoid (SigLIP), text (token cross-entropy) and multi-label or softmax (the classification arm)."""

from pali3kit.losses.multilabel import multilabel_loss, softmax_loss
from pali3kit.losses.sigmoid import gathered_sigmoid_loss, normalize, ring_sigmoid_loss, sigmoid_loss
from pali3kit.losses.text import text_loss

__all__ = [
    "gathered_sigmoid_loss",
    "multilabel_loss",
    "normalize",
    "ring_sigmoid_loss",
    "sigmoid_loss",
    "softmax_loss",
    "text_loss",
]


def __dir__() -> list[str]:
    return __all__
