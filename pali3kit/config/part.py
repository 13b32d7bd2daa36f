"""What a file says by a name and options that depend on it: exchangeable parts, and optimizers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Schedule = Literal["cosine", "rsqrt", "constant"]


@dataclass(kw_only=True)
class Part:
    """One exchangeable part: a registry name and the keyword arguments that it is built with.

    In YAML `{name: vit, width: 128, ...}`, or just the name. A name given alone (also by an
    override, `model.vision=timm/vit_tiny_patch16_224`) replaces the whole mapping.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Optimizer:
    """How weights move: `learning_rate` is the schedule's peak; `warmup` and `cooldown` are shares of the steps.

    `options` are what the optimizer of that `name` takes besides; in YAML they stand beside the others.
    """

    name: str = "muon"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    beta2: float = 0.95
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    cooldown: float = 0.0
    clip_norm: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
