"""big_vision's `vae-oid.npz`, the mask tokenizer that PaliGemma uses: PaLI-3's shape, on Open Images (paper.md §4.2).

It holds the state of a torch module ("All in Tokens", SwinTransformer/AiT), whose layers ours number alike; kernels are
torch's, `[out, in, k, k]`, of transposed convolutions `[in, out, k, k]`: big_vision itself turns them around when it
reads them. Only the codebook has names of its own.
"""

from __future__ import annotations

from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.weights.links import Link, same

CODEBOOK = {"codebook.codes": "_vq_vae._embedding"}
AVERAGES = {"codebook.sizes": "_vq_vae._ema_cluster_size", "codebook.sums": "_vq_vae._ema_w"}
"""What the codes are the quotient of: only training needs these, so that a file may lack them."""


def mask_links(masks: MaskVQVAE) -> list[Link]:
    """Links of all of `masks`' parameters and buffers."""
    renamed = CODEBOOK | AVERAGES
    return [same(name, renamed.get(name, name)) for name in masks.state_dict()]
