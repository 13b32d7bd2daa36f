"""SigLIP in transformers: `SiglipVisionModel`, `SiglipTextModel`, and `SiglipModel`, which holds both."""

from __future__ import annotations

from pali3kit.models.text_tower import TextTower
from pali3kit.vision.heads import MapHead
from pali3kit.vision.vit import ViT
from pali3kit.weights.layout import Layout
from pali3kit.weights.links import WeightLink


def _vision(vit: ViT, prefix: str) -> list[WeightLink]:
    links = [WeightLink.batched("positions", f"{prefix}embeddings.position_embedding.weight")]
    links += WeightLink.layer("embed", f"{prefix}embeddings.patch_embedding")
    links += _encoder(vit.shape.depth, prefix)
    links += WeightLink.layer("encoder.norm", f"{prefix}post_layernorm")
    return links + (_map_head(f"{prefix}head") if isinstance(vit.head, MapHead) else [])


def _text(text: TextTower, prefix: str) -> list[WeightLink]:
    return [
        WeightLink.same("embedding.weight", f"{prefix}embeddings.token_embedding.weight"),
        WeightLink.batched("positions", f"{prefix}embeddings.position_embedding.weight"),
        *_encoder(text.depth, prefix),
        *WeightLink.layer("encoder.norm", f"{prefix}final_layer_norm"),
        *WeightLink.layer("head", f"{prefix}head"),
    ]


def _encoder(depth: int, prefix: str) -> list[WeightLink]:
    return [
        link for block in range(depth) for link in _block(f"encoder.blocks.{block}", f"{prefix}encoder.layers.{block}")
    ]


def _block(ours: str, theirs: str) -> list[WeightLink]:
    attention = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
    return [
        *WeightLink.layer(f"{ours}.attention_norm", f"{theirs}.layer_norm1"),
        *(link for part, name in attention.items()
          for link in WeightLink.layer(f"{ours}.attention.{part}", f"{theirs}.self_attn.{name}")),
        *WeightLink.layer(f"{ours}.mlp_norm", f"{theirs}.layer_norm2"),
        *WeightLink.layer(f"{ours}.mlp.up", f"{theirs}.mlp.fc1"),
        *WeightLink.layer(f"{ours}.mlp.down", f"{theirs}.mlp.fc2"),
    ]  # fmt: skip


def _map_head(theirs: str) -> list[WeightLink]:
    """Query, key and value are one tensor, as in `nn.MultiheadAttention`."""
    parts = [f"head.{part}" for part in ("query", "key", "value")]
    return [
        WeightLink.same("head.probe", f"{theirs}.probe"),
        *WeightLink.fused_layers(parts, f"{theirs}.attention.in_proj", separator="_"),
        *WeightLink.layer("head.out", f"{theirs}.attention.out_proj"),
        *WeightLink.layer("head.norm", f"{theirs}.layernorm"),
        *WeightLink.layer("head.mlp.up", f"{theirs}.mlp.fc1"),
        *WeightLink.layer("head.mlp.down", f"{theirs}.mlp.fc2"),
    ]


HF = Layout(
    "hf", "embeddings.patch_embedding.weight", _vision, image="vision_model.", text_prefix="text_model.", text=_text
)
