"""Freeze parameters by patterns of names, and keep frozen modules in eval mode."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from pali3kit.errors import StageError, nearest


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Freeze the parameters whose names match one of the patterns (`vision.*`, `*.bias`).

    Raises:
        StageError: a pattern matches nothing, or no trainable parameter is left.
    """
    names = dict(model.named_parameters())
    for pattern in patterns:
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found:
            raise StageError(f"freeze: no parameter is called '{pattern}'.{nearest(pattern, names)}")
        for name in found:
            names[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in names.values()):
        raise StageError(f"freeze: {', '.join(patterns)} leave no trainable parameter")


def keep_frozen_in_eval_mode(model: nn.Module) -> None:
    """Keep fully frozen modules in eval mode: dropout and batch statistics would change their output."""
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
