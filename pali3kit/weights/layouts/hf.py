"""SigLIP in transformers: `SiglipVisionModel`, `SiglipTextModel`, and `SiglipModel`, which holds both."""

from __future__ import annotations

from pali3kit.weights.links import Link, batched, fused_pairs, pairs, same


def vit_links(depth: int, head: str, prefix: str = "vision_model.") -> list[Link]:
    """A ViT of `depth` blocks without class token, with the parameters of its MAP head if it has one."""
    links = [batched("positions", f"{prefix}embeddings.position_embedding.weight")]
    links += pairs(same, "embed", f"{prefix}embeddings.patch_embedding")
    links += _encoder(depth, prefix) + pairs(same, "encoder.norm", f"{prefix}post_layernorm")
    return links + (_map_head(f"{prefix}head") if head == "map" else [])


def text_links(depth: int, prefix: str = "text_model.") -> list[Link]:
    """A text tower of `depth` blocks."""
    return [
        same("embedding.weight", f"{prefix}embeddings.token_embedding.weight"),
        batched("positions", f"{prefix}embeddings.position_embedding.weight"),
        *_encoder(depth, prefix),
        *pairs(same, "encoder.norm", f"{prefix}final_layer_norm"),
        *pairs(same, "head", f"{prefix}head"),
    ]


def _encoder(depth: int, prefix: str) -> list[Link]:
    return [
        link for block in range(depth) for link in _block(f"encoder.blocks.{block}", f"{prefix}encoder.layers.{block}")
    ]


def _block(ours: str, theirs: str) -> list[Link]:
    attention = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
    return [
        *pairs(same, f"{ours}.attention_norm", f"{theirs}.layer_norm1"),
        *(link for part, name in attention.items()
          for link in pairs(same, f"{ours}.attention.{part}", f"{theirs}.self_attn.{name}")),
        *pairs(same, f"{ours}.mlp_norm", f"{theirs}.layer_norm2"),
        *pairs(same, f"{ours}.mlp.up", f"{theirs}.mlp.fc1"),
        *pairs(same, f"{ours}.mlp.down", f"{theirs}.mlp.fc2"),
    ]  # fmt: skip


def _map_head(theirs: str) -> list[Link]:
    """Torch's `nn.MultiheadAttention` holds query, key and value as one."""
    parts = [f"head.{part}" for part in ("query", "key", "value")]
    return [
        same("head.probe", f"{theirs}.probe"),
        *fused_pairs(parts, f"{theirs}.attention.in_proj", separator="_"),
        *pairs(same, "head.out", f"{theirs}.attention.out_proj"),
        *pairs(same, "head.norm", f"{theirs}.layernorm"),
        *pairs(same, "head.mlp.up", f"{theirs}.mlp.fc1"),
        *pairs(same, "head.mlp.down", f"{theirs}.mlp.fc2"),
    ]
