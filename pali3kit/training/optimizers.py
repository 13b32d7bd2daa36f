"""Optimizers and learning-rate schedules by name, with weight decay on matrices only."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from timm.optim.adafactor_bv import AdafactorBigVision
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from pali3kit.config.schema import Optimizer as Options
from pali3kit.training.muon import Muon

OUTER = ("head", "logits")  # last layers, which Muon leaves to AdamW, as embeddings


class Chained(Optimizer):
    """Several optimizers behind one interface, so that Lightning steps, schedules and checkpoints them together."""

    def __init__(self, optimizers: list[Optimizer]) -> None:
        self.optimizers = optimizers
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], {})
        self.param_groups = [group for optimizer in optimizers for group in optimizer.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = closure() if closure is not None else None
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return {str(i): optimizer.state_dict() for i, optimizer in enumerate(self.optimizers)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for i, optimizer in enumerate(self.optimizers):
            optimizer.load_state_dict(state_dict[str(i)])
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]


def build_optimizer(model: nn.Module, options: Options) -> Optimizer:
    """The optimizer of `model`'s trainable parameters: `adamw`, `adafactor`, or `muon` for inner matrices and AdamW for
    the rest.
    """
    inner, matrices, vectors = split_parameters(model)
    betas = (0.9, options.beta2)
    if options.name != "muon":
        matrices, inner = matrices + inner, []
    groups = [
        {"params": matrices, "weight_decay": options.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if options.name == "adafactor":
        # big_vision's variant: second moments factored and capped at 0.999, momentum in bf16; as timm keeps it
        return AdafactorBigVision([g for g in groups if g["params"]], lr=options.learning_rate)
    adamw = AdamW([g for g in groups if g["params"]], lr=options.learning_rate, betas=betas)
    if not inner:
        return adamw
    return Chained([Muon(inner, lr=options.learning_rate, weight_decay=options.weight_decay), adamw])


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters as (matrices of inner linear layers, other matrices and tables, vectors and scalars)."""
    inner_weights = {
        id(module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.rsplit(".", 1)[-1] not in OUTER
    }
    trainable = [p for p in model.parameters() if p.requires_grad]
    inner = [p for p in trainable if id(p) in inner_weights]
    matrices = [p for p in trainable if id(p) not in inner_weights and p.ndim >= 2]
    return inner, matrices, [p for p in trainable if p.ndim < 2]


def build_schedule(optimizer: Optimizer, options: Options, steps: int) -> LambdaLR:
    """Linear warm-up over `options.warmup` of the steps, then `cosine` to 0, `rsqrt`, or `constant`; and last, over
    `options.cooldown` of the steps, linearly to 0, as big_vision ends its `rsqrt`.
    """
    warmup = max(1, round(options.warmup * steps))
    cooldown = round(options.cooldown * steps)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return decay(step) * min(1.0, (steps - step) / max(1, cooldown))

    def decay(step: int) -> float:
        if options.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
        if options.schedule == "rsqrt":
            return math.sqrt(warmup / (step + 1))
        return 1.0

    return LambdaLR(optimizer, factor)
