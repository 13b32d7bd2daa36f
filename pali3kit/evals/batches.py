"""How many images are computed at once, without gradients."""

from __future__ import annotations

BATCH, TOKENS = 128, 1 << 16  # images of a batch at most, and tokens


def images_per_batch(tokens: int, max_tokens: int = 0) -> int:
    """How many images of so many tokens are computed at once: 1 to `BATCH`, with `max_tokens` tokens at most.

    0 is `TOKENS`, for which one layer of ViT-G/14 has 2 x mlp + 6 x width = 26,368 numbers per token at once: 6.9 GB in
    fp32, whatever the images' size.
    """
    return max(1, min(BATCH, (max_tokens or TOKENS) // tokens))
