"""timm's `VisionTransformer`, without prefix or as the `visual.trunk` of an open_clip model."""

from __future__ import annotations

from pali3kit.weights.links import Link, fused_pairs, pairs, same


def vit_links(depth: int, head: str, class_token: bool, prefix: str = "") -> list[Link]:
    """A ViT of `depth` blocks, with the parameters of its MAP head if it has one."""
    links = [same("positions", f"{prefix}pos_embed")]
    links += pairs(same, "embed", f"{prefix}patch_embed.proj") + pairs(same, "encoder.norm", f"{prefix}norm")
    if class_token:
        links.append(same("class_token", f"{prefix}cls_token"))
    for block in range(depth):
        links += _block(f"encoder.blocks.{block}", f"{prefix}blocks.{block}")
    return links + (_map_head(f"{prefix}attn_pool") if head == "map" else [])


def _block(ours: str, theirs: str) -> list[Link]:
    attention = [f"{ours}.attention.{part}" for part in ("query", "key", "value")]
    return [
        *pairs(same, f"{ours}.attention_norm", f"{theirs}.norm1"),
        *fused_pairs(attention, f"{theirs}.attn.qkv"),
        *pairs(same, f"{ours}.attention.out", f"{theirs}.attn.proj"),
        *pairs(same, f"{ours}.mlp_norm", f"{theirs}.norm2"),
        *pairs(same, f"{ours}.mlp.up", f"{theirs}.mlp.fc1"),
        *pairs(same, f"{ours}.mlp.down", f"{theirs}.mlp.fc2"),
    ]


def _map_head(theirs: str) -> list[Link]:
    return [
        same("head.probe", f"{theirs}.latent"),
        *pairs(same, "head.query", f"{theirs}.q"),
        *fused_pairs(["head.key", "head.value"], f"{theirs}.kv"),
        *pairs(same, "head.out", f"{theirs}.proj"),
        *pairs(same, "head.norm", f"{theirs}.norm"),
        *pairs(same, "head.mlp.up", f"{theirs}.mlp.fc1"),
        *pairs(same, "head.mlp.down", f"{theirs}.mlp.fc2"),
    ]
