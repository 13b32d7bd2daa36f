"""The size of an image encoder that is no `vit`, whose shape tells all, found on the meta device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from math import prod

import torch
from torch import nn

from pali3kit.training.memory_profile import profile_forward_on_meta
from pali3kit.types import Json
from pali3kit.vision.contract import VisionEncoder, meta_copy, unread_parameters


def size_of_encoder(vision: VisionEncoder) -> dict[str, Json]:
    """`parameters`, and `tokens` and `flops` of an image: what its tokens need, without pooling that libraries compute
    beside them. {} for encoders that cannot run on the meta device.
    """
    side, tokens = vision.image_spec.size, prod(vision.native_grid)
    with suppress(Exception):  # a library or a plug-in may raise anything there
        trial, unread = meta_copy(vision).eval(), unread_parameters(vision)
        ignored = {weight for name, weight in trial.named_parameters() if name in unread}
        calls = list[tuple[nn.Module, Callable[[], object]]]()

        def note(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
            calls.append((module, partial(module, *args, **kwargs)))

        for module in _pooling(trial, ignored):
            module.register_forward_pre_hook(note, with_kwargs=True)
        image = torch.empty(1, 3, side, side, device="meta")
        whole = profile_forward_on_meta(trial, lambda: trial(image), tokens, 1)
        pooled = sum(profile_forward_on_meta(module, again, 0, 1).flops for module, again in calls.copy())
        read = whole.parameters - sum(weight.numel() for weight in ignored)
        return {"parameters": read, "tokens": tokens, "flops": whole.flops - pooled}
    return {}


def _pooling(module: nn.Module, unread: set[nn.Parameter]) -> Iterator[nn.Module]:
    """The largest modules that have parameters, of which no token reads any."""
    for child in module.children():
        weights = set(child.parameters())
        if weights and weights <= unread:
            yield child
        else:
            yield from _pooling(child, unread)
