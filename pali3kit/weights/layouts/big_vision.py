"""big_vision's flax modules: `vit` and `text_transformer`, and the older ViTs of vision_transformer (augreg).

Both exist with one array per block (`encoderblock_3`) and, written by `nn.scan`, with one array for all blocks
(`encoderblock`, blocks first); `unscan` turns the latter into the former.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from torch import Tensor

from pali3kit.models.text_tower import TextTower
from pali3kit.vision.heads import MapHead
from pali3kit.vision.vit import ViT
from pali3kit.weights.layout import Layout
from pali3kit.weights.links import WeightLink

_SCANNED = re.compile(r"(.*encoderblock)(/.*)")
MAX_BLOCKS = 1000  # a longer array is not one of blocks
# The numbers that flax gave, in order of use, to a block's modules in big_vision and in the older vision_transformer.
NUMBERS = {"big_vision": (0, 0, 1, 0), "augreg": (0, 1, 2, 3)}


def unscan(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Split arrays over all blocks into one array per block; leave the others."""
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        match = _SCANNED.fullmatch(name)
        if match is None or not 0 < (len(tensor) if tensor.ndim else 0) <= MAX_BLOCKS:
            plain[name] = tensor
        else:
            plain |= {f"{match[1]}_{block}{match[2]}": part for block, part in enumerate(tensor)}
    return plain


def _vision(vit: ViT, prefix: str, era: str = "big_vision") -> list[WeightLink]:
    """Links of a ViT; `era` is `"big_vision"` or `"augreg"`."""
    depth, heads = vit.shape.depth, vit.shape.heads
    positions = "pos_embedding" if era == "big_vision" else "Transformer/posembed_input/pos_embedding"
    links = [
        WeightLink.same("positions", prefix + positions),
        WeightLink.convolution("embed.weight", f"{prefix}embedding/kernel"),
        WeightLink.same("embed.bias", f"{prefix}embedding/bias"),
        *_encoder(depth, heads, f"{prefix}Transformer", era),
    ]
    if vit.class_token is not None:
        links.append(WeightLink.same("class_token", f"{prefix}cls"))
    return links + (_map_head(heads, f"{prefix}MAPHead_0") if isinstance(vit.head, MapHead) else [])


def _text(text: TextTower, prefix: str) -> list[WeightLink]:
    return [
        WeightLink.same("embedding.weight", f"{prefix}Embed_0/embedding"),
        WeightLink.same("positions", f"{prefix}pos_embedding"),
        *_encoder(text.depth, text.heads, f"{prefix}Encoder_0", "big_vision"),
        WeightLink.transposed("head.weight", f"{prefix}head/kernel"),
        WeightLink.same("head.bias", f"{prefix}head/bias"),
    ]


def _encoder(depth: int, heads: int, theirs: str, era: str) -> list[WeightLink]:
    first_norm, attention, second_norm, mlp = NUMBERS[era]
    links = _norm("encoder.norm", f"{theirs}/encoder_norm")
    for block in range(depth):
        ours, at = f"encoder.blocks.{block}", f"{theirs}/encoderblock_{block}"
        links += _norm(f"{ours}.attention_norm", f"{at}/LayerNorm_{first_norm}")
        links += _attention(f"{ours}.attention", f"{at}/MultiHeadDotProductAttention_{attention}", heads)
        links += _norm(f"{ours}.mlp_norm", f"{at}/LayerNorm_{second_norm}")
        links += _mlp(f"{ours}.mlp", f"{at}/MlpBlock_{mlp}")
    return links


def _map_head(heads: int, theirs: str) -> list[WeightLink]:
    return [
        WeightLink.same("head.probe", f"{theirs}/probe"),
        *_attention("head", f"{theirs}/MultiHeadDotProductAttention_0", heads),
        *_norm("head.norm", f"{theirs}/LayerNorm_0"),
        *_mlp("head.mlp", f"{theirs}/MlpBlock_0"),
    ]


def _norm(ours: str, theirs: str) -> list[WeightLink]:
    return [WeightLink.same(f"{ours}.weight", f"{theirs}/scale"), WeightLink.same(f"{ours}.bias", f"{theirs}/bias")]


def _mlp(ours: str, theirs: str) -> list[WeightLink]:
    return [
        link
        for part, name in (("up", "Dense_0"), ("down", "Dense_1"))
        for link in (
            WeightLink.transposed(f"{ours}.{part}.weight", f"{theirs}/{name}/kernel"),
            WeightLink.same(f"{ours}.{part}.bias", f"{theirs}/{name}/bias"),
        )
    ]


def _attention(ours: str, theirs: str, heads: int) -> list[WeightLink]:
    links = [
        link(f"{ours}.{part}.{ending}", f"{theirs}/{part}/{name}")
        for part in ("query", "key", "value")
        for link, ending, name in (
            (partial(WeightLink.into_heads, heads=heads), "weight", "kernel"),
            (partial(WeightLink.heads_bias, heads=heads), "bias", "bias"),
        )
    ]
    out = WeightLink.out_of_heads(f"{ours}.out.weight", f"{theirs}/out/kernel", heads)
    return [*links, out, WeightLink.same(f"{ours}.out.bias", f"{theirs}/out/bias")]


BIG_VISION = Layout(
    "big_vision", "embedding/kernel", _vision, class_token="cls",
    image="img/", text_prefix="txt/", text=_text, scalars=("t", "b"),
)  # fmt: skip
AUGREG = Layout("augreg", "Transformer/posembed_input/pos_embedding", partial(_vision, era="augreg"), class_token="cls")
