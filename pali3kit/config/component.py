"""Settings that consist of a name and options that depend on it: components and optimizers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Schedule = Literal["cosine", "rsqrt", "constant"]


@dataclass(kw_only=True)
class Component:
    """An exchangeable component: its name in a registry and the keyword arguments that it is built with.

    In YAML `{name: vit, width: 128, ...}`, or just the name. A name alone, also in an override
    (`model.vision=timm/vit_tiny_patch16_224`), replaces the whole mapping.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, Component]:
        """The valid sources of a union, by name; empty for other components."""
        parts = self.options.get("parts") if self.name == "union" else None
        named = parts.items() if isinstance(parts, dict) else ()
        return {name: part for name, part in named if isinstance(part, Component)}


@dataclass(kw_only=True)
class Optimizer:
    """Optimizer and schedule.

    Keys:
        name: the optimizer, such as `adamw`, `adafactor` or `muon`.
        learning_rate: the peak of the learning rate.
        weight_decay: of matrices; vectors have none.
        beta2: the decay of AdamW's second moments, also for the parameters that Muon leaves to AdamW.
        schedule: of the learning rate after the warm-up: `cosine` to 0, `rsqrt` or `constant`.
        warmup: the fraction of the steps, the first ones, over which the learning rate rises to its peak.
        cooldown: the fraction of the steps, the last ones, over which it also falls linearly to 0.
        clip_norm: the largest norm of the gradient, to which a larger one is scaled down; 0 is no limit.
        options: further keyword arguments of the optimizer; in YAML they are keys beside the others.
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
