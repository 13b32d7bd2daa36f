"""big_vision's flax modules: `vit` and `text_transformer`, and the older ViTs of vision_transformer (augreg).

Both exist with a name for each block (`encoderblock_3`) and, scanned, with one array for all blocks (`encoderblock`,
blocks first); `unscan` makes the former of the latter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from torch import Tensor

from pali3kit.weights.links import Link, convolution, heads_bias, into_heads, out_of_heads, same, transposed

_SCANNED = re.compile(r"(.*encoderblock)(/.*)")
MOST_BLOCKS = 1000  # an array of more is none over blocks
# What flax numbered in order of use, in big_vision and in the older vision_transformer
NUMBERS = {"big_vision": (0, 0, 1, 0), "augreg": (0, 1, 2, 3)}


def unscan(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Arrays over all blocks as one array for each block; the others as they are."""
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        match = _SCANNED.fullmatch(name)
        if match is None or not 0 < (len(tensor) if tensor.ndim else 0) <= MOST_BLOCKS:
            plain[name] = tensor
        else:
            plain |= {f"{match[1]}_{block}{match[2]}": part for block, part in enumerate(tensor)}
    return plain


def vit_links(
    depth: int, heads: int, head: str, class_token: bool, prefix: str = "", era: str = "big_vision"
) -> list[Link]:
    """A ViT of `depth` blocks; `era` is `"big_vision"` or `"augreg"`."""
    positions = "pos_embedding" if era == "big_vision" else "Transformer/posembed_input/pos_embedding"
    links = [same("positions", prefix + positions), convolution("embed.weight", f"{prefix}embedding/kernel")]
    links += [same("embed.bias", f"{prefix}embedding/bias"), *_encoder(depth, heads, f"{prefix}Transformer", era)]
    if class_token:
        links.append(same("class_token", f"{prefix}cls"))
    return links + (_map_head(heads, f"{prefix}MAPHead_0") if head == "map" else [])


def text_links(depth: int, heads: int, prefix: str = "txt/") -> list[Link]:
    """A text tower of `depth` blocks."""
    return [
        same("embedding.weight", f"{prefix}Embed_0/embedding"),
        same("positions", f"{prefix}pos_embedding"),
        *_encoder(depth, heads, f"{prefix}Encoder_0", "big_vision"),
        transposed("head.weight", f"{prefix}head/kernel"),
        same("head.bias", f"{prefix}head/bias"),
    ]


def _encoder(depth: int, heads: int, theirs: str, era: str) -> list[Link]:
    first_norm, attention, second_norm, mlp = NUMBERS[era]
    links = _norm("encoder.norm", f"{theirs}/encoder_norm")
    for block in range(depth):
        ours, at = f"encoder.blocks.{block}", f"{theirs}/encoderblock_{block}"
        links += _norm(f"{ours}.attention_norm", f"{at}/LayerNorm_{first_norm}")
        links += _attention(f"{ours}.attention", f"{at}/MultiHeadDotProductAttention_{attention}", heads)
        links += _norm(f"{ours}.mlp_norm", f"{at}/LayerNorm_{second_norm}")
        links += _mlp(f"{ours}.mlp", f"{at}/MlpBlock_{mlp}")
    return links


def _map_head(heads: int, theirs: str) -> list[Link]:
    return [
        same("head.probe", f"{theirs}/probe"),
        *_attention("head", f"{theirs}/MultiHeadDotProductAttention_0", heads),
        *_norm("head.norm", f"{theirs}/LayerNorm_0"),
        *_mlp("head.mlp", f"{theirs}/MlpBlock_0"),
    ]


def _norm(ours: str, theirs: str) -> list[Link]:
    return [same(f"{ours}.weight", f"{theirs}/scale"), same(f"{ours}.bias", f"{theirs}/bias")]


def _mlp(ours: str, theirs: str) -> list[Link]:
    return [
        link
        for part, name in (("up", "Dense_0"), ("down", "Dense_1"))
        for link in (
            transposed(f"{ours}.{part}.weight", f"{theirs}/{name}/kernel"),
            same(f"{ours}.{part}.bias", f"{theirs}/{name}/bias"),
        )
    ]


def _attention(ours: str, theirs: str, heads: int) -> list[Link]:
    links = [
        link(f"{ours}.{part}.{ending}", f"{theirs}/{part}/{name}")
        for part in ("query", "key", "value")
        for link, ending, name in (
            (partial(into_heads, heads=heads), "weight", "kernel"),
            (partial(heads_bias, heads=heads), "bias", "bias"),
        )
    ]
    out = out_of_heads(f"{ours}.out.weight", f"{theirs}/out/kernel", heads)
    return [*links, out, same(f"{ours}.out.bias", f"{theirs}/out/bias")]
