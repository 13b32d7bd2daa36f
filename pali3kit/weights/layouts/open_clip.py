"""The text tower of open_clip's SigLIP models; their image tower is timm's, under `visual.trunk.`."""

from __future__ import annotations

from pali3kit.weights.links import Link, batched, fused_pairs, pairs, same

TRUNK = "visual.trunk."


def text_links(depth: int, prefix: str = "text.") -> list[Link]:
    """A text tower of `depth` blocks (`no_causal_mask`, `pool_type: last`, `proj_bias`)."""
    links = [same("embedding.weight", f"{prefix}token_embedding.weight")]
    links += [batched("positions", f"{prefix}positional_embedding")]
    for block in range(depth):
        links += _block(f"encoder.blocks.{block}", f"{prefix}transformer.resblocks.{block}")
    return links + pairs(same, "encoder.norm", f"{prefix}ln_final") + pairs(same, "head", f"{prefix}text_projection")


def _block(ours: str, theirs: str) -> list[Link]:
    attention = [f"{ours}.attention.{part}" for part in ("query", "key", "value")]
    return [
        *pairs(same, f"{ours}.attention_norm", f"{theirs}.ln_1"),
        *fused_pairs(attention, f"{theirs}.attn.in_proj", separator="_"),
        *pairs(same, f"{ours}.attention.out", f"{theirs}.attn.out_proj"),
        *pairs(same, f"{ours}.mlp_norm", f"{theirs}.ln_2"),
        *pairs(same, f"{ours}.mlp.up", f"{theirs}.mlp.c_fc"),
        *pairs(same, f"{ours}.mlp.down", f"{theirs}.mlp.c_proj"),
    ]
