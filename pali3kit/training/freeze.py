"""Parts of a model that do not learn: by patterns of names, and in eval mode whatever the rest does."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from pali3kit.errors import StageError, nearest


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Stop gradients of the parameters whose names match one of the patterns (`vision.*`, `*.bias`).

    Raises:
        StageError: a pattern matches nothing, or nothing is left to learn.
    """
    names = dict(model.named_parameters())
    for pattern in patterns:
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found:
            raise StageError(f"freeze: no parameter is called '{pattern}'.{nearest(pattern, names)}")
        for name in found:
            names[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in names.values()):
        raise StageError(f"freeze: {', '.join(patterns)} leave nothing to learn")


def freeze_unreached(model: nn.Module, output: Tensor) -> None:
    """Stop gradients of the parameters that `output` does not depend on: an optimizer would decay them, and ranks wait
    for their gradients in vain.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(output.sum(), learning, allow_unused=True)
    for parameter, gradient in zip(learning, gradients, strict=True):
        parameter.requires_grad_(gradient is not None)


def hold_frozen(model: nn.Module) -> None:
    """Put every module whose parameters are all frozen, with all that is in it, into eval mode: dropout and running
    statistics would change what it says.
    """
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
