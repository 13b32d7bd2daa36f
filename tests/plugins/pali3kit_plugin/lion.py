"""Lion: the sign of momentum (Chen et al. 2023, algorithm 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from pali3kit.registry import OPTIMIZER
from pali3kit.training.optimizers import Parameters


class Lion(Optimizer):
    """Steps of one size: the sign of a mean of gradient and momentum, with decoupled weight decay.

    Args:
        groups: parameter groups, each with its weight decay.
        lr: the learning rate, about a third of AdamW's.
        betas: how much momentum is in a step, and how much of it is kept.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in (each for each in group["params"] if each.grad is not None):
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                direction = torch.lerp(parameter.grad, state["momentum"], beta1).sign_()
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"])
                state["momentum"].lerp_(parameter.grad, 1 - beta2)
        return loss


@OPTIMIZER.register("lion", "Lion: the sign of momentum", moments=4, elementwise=True)
def lion(
    parameters: Parameters, learning_rate: float, weight_decay: float, beta2: float, beta1: float = 0.9
) -> Optimizer:
    """Lion of all matrices, decaying, and of all vectors, not decaying.

    Args:
        beta1: how much momentum is in a step.
    """
    return Lion(parameters.groups(weight_decay), lr=learning_rate, betas=(beta1, beta2))
