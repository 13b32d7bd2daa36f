"""Self-attention of the encoder with T5's relative bias: five backends with equal results.

With 5,776 visual tokens and 128 of text the bias of one head is a matrix of 139 MB in fp32; `chunked` and `flex` never
materialise it. The choice affects speed and memory only, and is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from pali3kit.errors import ConfigError, choose
from pali3kit.language.layers import RelativeBias
from pali3kit.nn.attention import Attend, attend_eager, eager_is_faster

MAX_BIAS = 1 << 28  # bytes of the largest [B,H,N,N] bias that is materialised
CHUNK = 1 << 26  # bytes of scores that `chunked` holds at a time
ALIGNMENT = 8

log = logging.getLogger(__name__)


def encoder_attention(backend: str, relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> Attend:
    """Self-attention of N tokens with mask `[B,N]` and relative bias; scores are not scaled.

    Args:
        backend: one of `BACKENDS`, or `"auto"`.
        relative: the relative bias of the encoder.
        mask: False for padding.
        dtype: of the queries, and of the bias, whose lowest number in another dtype could be -inf.

    Raises:
        ConfigError: the backend is unknown, or cannot run here.
    """
    if backend == "auto":
        backend, reason = _choose(relative, mask, dtype)
        _log_once(backend, reason)
    if backend not in BACKENDS:
        raise ConfigError([f"no attention is called '{backend}'.{choose(backend, ('auto', *BACKENDS))}"])
    return BACKENDS[backend].prepare(relative, mask, dtype)


def _choose(relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> tuple[str, str]:
    (batch, length), heads = mask.shape, relative.table.embedding_dim
    size = batch * heads * length**2 * dtype.itemsize
    bias_size = f"a bias of {size >> 20} MiB"
    if size > MAX_BIAS:
        if mask.is_cuda:
            return "flex", f"{bias_size} is computed on the fly"
        return "chunked", f"{bias_size} is computed in chunks of rows"
    query, bias = torch.empty(0, dtype=dtype, device=mask.device), relative.table.weight
    if eager_is_faster(query, bias if torch.is_grad_enabled() else None):
        return "eager", f"{bias_size}, faster in plain operations on this device"
    return "sdpa", f"{bias_size}, torch's fused attention"


@cache
def _log_once(backend: str, reason: str) -> None:
    log.info("encoder attention: %s (%s)", backend, reason)


def _whole(relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> Tensor:
    """The bias of all pairs, `[B,H,N,N]`."""
    length = mask.shape[1]
    bias: Tensor = relative(0, length, length)
    return bias.to(dtype) + padding_bias(mask, dtype)


def _eager(relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> Attend:
    return partial(attend_eager, bias=_whole(relative, mask, dtype), scale=1.0)


def _sdpa(relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> Attend:
    return partial(scaled_dot_product_attention, attn_mask=_whole(relative, mask, dtype), scale=1.0)


def _chunked(relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> Attend:
    """A few rows of scores at a time, recomputed in the backward pass."""
    length, padding = mask.shape[1], padding_bias(mask, dtype)

    def rows(query: Tensor, key: Tensor, value: Tensor, start: int) -> Tensor:
        bias = relative(start, start + query.shape[2], length).to(dtype)
        return attend_eager(query, key, value, bias + padding, scale=1.0)

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        batch, heads = query.shape[:2]
        itemsize = max(dtype.itemsize, torch.float32.itemsize)  # scores are fp32 in mixed precision
        size = max(CHUNK // (batch * heads * length * itemsize), 1)
        size = length if query.is_meta else size  # the meta device holds nothing
        starts = range(0, length, size)
        chunks = zip(query.split(size, 2), starts, strict=True)
        return torch.cat(
            [checkpoint(rows, chunk, key, value, start, use_reentrant=False) for chunk, start in chunks], 2
        )

    return attend


def _flex(relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> Attend:
    """A fused kernel that looks up the bias by distance. On CPU torch has a reference without gradients."""
    length = mask.shape[1]
    if not mask.is_cuda and torch.is_grad_enabled():
        raise ConfigError([f"flex attention has no gradients on {mask.device.type}: use auto or chunked"])
    bias = relative.by_distance(1 - length, length - 1).to(dtype)
    hidden = torch.finfo(dtype).min

    def score(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return torch.where(mask[b, k], score + bias[h, k - q + (length - 1)], hidden)

    return partial(_flex_kernel(mask.is_cuda), score_mod=score, scale=1.0)


@cache
def _flex_kernel(compiled: bool) -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if compiled else flex_attention  # type: ignore[return-value]


def _xformers(relative: RelativeBias, mask: Tensor, dtype: torch.dtype) -> Attend:
    """The kernel of xformers with the whole bias, on GPUs only."""
    if not mask.is_cuda:
        raise ConfigError([f"xformers has no attention for {mask.device.type}: use auto, sdpa or chunked"])
    from xformers.ops import memory_efficient_attention

    whole = _aligned(_whole(relative, mask, dtype))

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        turned = (x.transpose(1, 2) for x in (query, key, value))
        attended: Tensor = memory_efficient_attention(*turned, attn_bias=whole, scale=1.0)
        return attended.transpose(1, 2)

    return attend


def _aligned(bias: Tensor) -> Tensor:
    """The bias with rows that begin at multiples of 8 numbers in memory, as the kernel wants them."""
    length = bias.shape[-1]
    return pad(bias.contiguous(), (0, -length % ALIGNMENT))[..., :length]


@dataclass(frozen=True)
class Backend:
    """A way to compute attention.

    Attributes:
        prepare: the attention of tokens with a relative bias and a mask, for queries of a dtype.
        counted: whether its FLOPs can be counted as it runs: in operations that torch knows, each of them once.
    """

    prepare: Callable[[RelativeBias, Tensor, torch.dtype], Attend]
    counted: bool = True


BACKENDS = {
    "eager": Backend(_eager),
    "sdpa": Backend(_sdpa),
    "chunked": Backend(_chunked, counted=False),  # computes scores again in the backward pass
    "flex": Backend(_flex, counted=False),  # one compiled kernel
    "xformers": Backend(_xformers),
}


def is_counted(backend: str) -> bool:
    """Whether the FLOPs of a backend, or of any that `"auto"` may choose, can be counted."""
    return all(each.counted for name, each in BACKENDS.items() if backend in (name, "auto"))


def padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Mask `[B,N]` to `[B,1,1,N]`: 0 for tokens, the lowest number for padding."""
    zeros = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return zeros.masked_fill_(~mask, torch.finfo(dtype).min)[:, None, None]
