"""Multi-head attention as a function that chooses its backend per call.

Shape letters here and in every model: B batch, H heads, Q queries, K keys, N tokens, D width, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from pali3kit.nn.precision import at_least_float32

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From query, key and value `[B,H,Q,d]`, `[B,H,K,d]`, `[B,H,K,d]` to `[B,H,Q,d]`."""


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Softmax attention, `[B,H,Q,d] x [B,H,K,d] x [B,H,K,d] -> [B,H,Q,d]`, by the faster backend.

    `bias`, broadcastable to `[B,H,Q,K]`, is added to the scores (position bias, or -inf where a key is masked).
    `scale` multiplies the scores, `d ** -0.5` by default (T5 uses 1).
    """
    if eager_is_faster(query, bias):
        return attend_eager(query, key, value, bias, scale)
    return scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def attend_eager(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Softmax attention in plain operations, the reference of all other backends.

    Half-precision scores are added to the bias in fp32, as fused kernels do.
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = torch.matmul(query * scale, key.transpose(-1, -2))
    weights = (scores if bias is None else at_least_float32(scores) + bias).softmax(-1)
    return torch.matmul(weights.to(value.dtype), value)


def eager_is_faster(query: Tensor, bias: Tensor | None) -> bool:
    """Whether `attend_eager` is faster than torch's fused attention, as it is on CPU in two cases.

    In bf16, fused attention takes 225 ms against 24 ms, forward and backward at 256x4x64x32 with AMX. And it falls back
    to a slower path when the bias needs a gradient.
    """
    on_cpu = query.device.type == "cpu"
    return on_cpu and (query.dtype == torch.bfloat16 or (bias is not None and bias.requires_grad))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """`[B,N,H*d] -> [B,H,N,d]`."""
    return rearrange(x, "b n (h d) -> b h n d", h=heads)


def merge_heads(x: Tensor) -> Tensor:
    """`[B,H,N,d] -> [B,N,H*d]`."""
    return rearrange(x, "b h n d -> b n (h d)")
