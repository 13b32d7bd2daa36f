"""big_vision's `vae-oid.npz`, the mask tokenizer that PaliGemma uses: PaLI-3's shape, on Open Images (paper.md §4.2).

It holds the state of a torch module ("All in Tokens", SwinTransformer/AiT) whose layers are numbered like ours. Kernels
are in torch's order, `[out, in, k, k]`, those of transposed convolutions `[in, out, k, k]`; big_vision itself permutes
them when it reads them. Only the codebook's names differ.
"""

from __future__ import annotations

from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.weights.links import WeightLink

CODEBOOK = {"codebook.codes": "_vq_vae._embedding"}
AVERAGES = {"codebook.sizes": "_vq_vae._ema_cluster_size", "codebook.sums": "_vq_vae._ema_w"}
"""The moving averages whose quotient the codes are. Only training needs them, so a file may lack them."""


def mask_links(mask_tokenizer: MaskVQVAE) -> list[WeightLink]:
    """Links of all parameters and buffers."""
    renamed = CODEBOOK | AVERAGES
    return [WeightLink.same(name, renamed.get(name, name)) for name in mask_tokenizer.state_dict()]
