"""Evaluators: from a model and examples to results, with every prediction kept beside its score.

Exported are the evaluators of an image encoder alone, which research code calls directly; each module is imported on
first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pali3kit.evals.classification import knn, linear_probe, zero_shot
    from pali3kit.evals.cross_modal import retrieval
    from pali3kit.evals.features import Encoder, Features, embed_set, extract
    from pali3kit.evals.probes import few_shot_probe
    from pali3kit.evals.scores import EvalResult

_LAZY = {
    "Encoder": "features",
    "EvalResult": "scores",
    "Features": "features",
    "embed_set": "features",
    "extract": "features",
    "few_shot_probe": "probes",
    "knn": "classification",
    "linear_probe": "classification",
    "retrieval": "cross_modal",
    "zero_shot": "classification",
}

__all__ = [
    "Encoder",
    "EvalResult",
    "Features",
    "embed_set",
    "extract",
    "few_shot_probe",
    "knn",
    "linear_probe",
    "retrieval",
    "zero_shot",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'pali3kit.evals' has no attribute '{name}'")
    exported: object = getattr(import_module(f"pali3kit.evals.{_LAZY[name]}"), name)
    return exported


def __dir__() -> list[str]:
    return __all__
