"""timm's `VisionTransformer`, alone or as the `visual.trunk` of a SigLIP model of open_clip, with its text tower."""

from __future__ import annotations

from pali3kit.models.text_tower import TextTower
from pali3kit.vision.heads import MapHead
from pali3kit.vision.vit import ViT
from pali3kit.weights.layout import Layout
from pali3kit.weights.links import WeightLink

TRUNK = "visual.trunk."


def _vision(vit: ViT, prefix: str) -> list[WeightLink]:
    links = [WeightLink.same("positions", f"{prefix}pos_embed")]
    links += WeightLink.layer("embed", f"{prefix}patch_embed.proj")
    if vit.class_token is not None:
        links.append(WeightLink.same("class_token", f"{prefix}cls_token"))
    for block in range(vit.shape.depth):
        links += _vision_block(f"encoder.blocks.{block}", f"{prefix}blocks.{block}")
    links += WeightLink.layer("encoder.norm", f"{prefix}norm")
    return links + (_map_head(f"{prefix}attn_pool") if isinstance(vit.head, MapHead) else [])


def _vision_block(ours: str, theirs: str) -> list[WeightLink]:
    attention = [f"{ours}.attention.{part}" for part in ("query", "key", "value")]
    return [
        *WeightLink.layer(f"{ours}.attention_norm", f"{theirs}.norm1"),
        *WeightLink.fused_layers(attention, f"{theirs}.attn.qkv"),
        *WeightLink.layer(f"{ours}.attention.out", f"{theirs}.attn.proj"),
        *WeightLink.layer(f"{ours}.mlp_norm", f"{theirs}.norm2"),
        *WeightLink.layer(f"{ours}.mlp.up", f"{theirs}.mlp.fc1"),
        *WeightLink.layer(f"{ours}.mlp.down", f"{theirs}.mlp.fc2"),
    ]


def _map_head(theirs: str) -> list[WeightLink]:
    return [
        WeightLink.same("head.probe", f"{theirs}.latent"),
        *WeightLink.layer("head.query", f"{theirs}.q"),
        *WeightLink.fused_layers(["head.key", "head.value"], f"{theirs}.kv"),
        *WeightLink.layer("head.out", f"{theirs}.proj"),
        *WeightLink.layer("head.norm", f"{theirs}.norm"),
        *WeightLink.layer("head.mlp.up", f"{theirs}.mlp.fc1"),
        *WeightLink.layer("head.mlp.down", f"{theirs}.mlp.fc2"),
    ]


def _text(text: TextTower, prefix: str) -> list[WeightLink]:
    """open_clip's text tower with `no_causal_mask`, `pool_type: last` and `proj_bias`, as SigLIP has it."""
    links = [WeightLink.same("embedding.weight", f"{prefix}token_embedding.weight")]
    links.append(WeightLink.batched("positions", f"{prefix}positional_embedding"))
    for block in range(text.depth):
        links += _text_block(f"encoder.blocks.{block}", f"{prefix}transformer.resblocks.{block}")
    links += WeightLink.layer("encoder.norm", f"{prefix}ln_final")
    return links + WeightLink.layer("head", f"{prefix}text_projection")


def _text_block(ours: str, theirs: str) -> list[WeightLink]:
    attention = [f"{ours}.attention.{part}" for part in ("query", "key", "value")]
    return [
        *WeightLink.layer(f"{ours}.attention_norm", f"{theirs}.ln_1"),
        *WeightLink.fused_layers(attention, f"{theirs}.attn.in_proj", separator="_"),
        *WeightLink.layer(f"{ours}.attention.out", f"{theirs}.attn.out_proj"),
        *WeightLink.layer(f"{ours}.mlp_norm", f"{theirs}.ln_2"),
        *WeightLink.layer(f"{ours}.mlp.up", f"{theirs}.mlp.c_fc"),
        *WeightLink.layer(f"{ours}.mlp.down", f"{theirs}.mlp.c_proj"),
    ]


TIMM = Layout(
    "timm", "patch_embed.proj.weight", _vision, class_token="cls_token", image=TRUNK, text_prefix="text.", text=_text
)
