"""Multi-head attention as a function, with the backend chosen per call.

Shape letters here and in every model: B batch, H heads, Q queries, K keys, N tokens, D width, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Query, key and value `[B,H,Q,d]`, `[B,H,K,d]`, `[B,H,K,d]` to `[B,H,Q,d]`."""


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Softmax attention, `[B,H,Q,d] x [B,H,K,d] x [B,H,K,d] -> [B,H,Q,d]`, by whichever way is faster here.

    `bias`, broadcastable to `[B,H,Q,K]`, is added to the scores (position bias, or -inf where a key is masked).
    `scale` multiplies the scores, `d ** -0.5` by default (T5 uses 1).
    """
    chosen = attend_eagerly if plain_is_faster(query, bias) else attend_fused
    return chosen(query, key, value, bias, scale)


def attend_eagerly(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Softmax attention with a matrix of scores, the reference of every other way."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = torch.matmul(query * scale, key.transpose(-1, -2))
    weights = (scores if bias is None else scores + bias).softmax(-1)
    return torch.matmul(weights.to(value.dtype), value)


def attend_fused(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Softmax attention by torch's fused kernels."""
    return scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def plain_is_faster(query: Tensor, bias: Tensor | None) -> bool:
    """On CPU, fused attention loses in bf16 (225 ms against 24 ms forward and backward at 256x4x64x32 with AMX)
    and falls back to a slower path when the bias needs a gradient.
    """
    on_cpu = query.device.type == "cpu"
    return on_cpu and (query.dtype == torch.bfloat16 or (bias is not None and bias.requires_grad))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """`[B,N,H*d] -> [B,H,N,d]`."""
    return rearrange(x, "b n (h d) -> b h n d", h=heads)


def merge_heads(x: Tensor) -> Tensor:
    """`[B,H,N,d] -> [B,N,H*d]`."""
    return rearrange(x, "b h n d -> b n (h d)")
