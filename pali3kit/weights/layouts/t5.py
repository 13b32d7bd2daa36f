"""How transformers names the weights of T5, T5 v1.1, Flan-T5, mT5 and UL2."""

from __future__ import annotations

from pali3kit.language.ul2 import UL2
from pali3kit.weights.links import WeightLink

SIGNATURE = "encoder.final_layer_norm.weight"  # every T5 has it; what precedes it in a file precedes all names
ATTENTION = {"query": "q", "key": "k", "value": "v", "out": "o"}
SELF_ATTENTION = {"attention": ("attention_norm", "SelfAttention")}
CROSS_ATTENTION = {"memory_attention": ("memory_norm", "EncDecAttention")}
# Tensors that files hold and no model reads: copies of shared.weight, and in the first T5 a bias of cross-attention.
UNUSED = (
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
)


def language_links(language: UL2) -> list[WeightLink]:
    """Links of all parameters."""
    links = [WeightLink.same("embedding.weight", "shared.weight")]
    if language.logits is not None:
        links.append(WeightLink.same("logits.weight", "lm_head.weight"))
    for stack, depth, sublayers in (
        ("encoder", language.shape.encoder_depth, SELF_ATTENTION),
        ("decoder", language.shape.decoder_depth, SELF_ATTENTION | CROSS_ATTENTION),
    ):
        links.append(WeightLink.same(f"{stack}_norm.weight", f"{stack}.final_layer_norm.weight"))
        first = f"{stack}.block.0.layer.0.SelfAttention"
        links.append(WeightLink.same(f"{stack}_bias.table.weight", f"{first}.relative_attention_bias.weight"))
        for i in range(depth):
            links += _layer_links(f"{stack}.{i}", f"{stack}.block.{i}", sublayers, bool(language.options["gated"]))
    return links


def _layer_links(ours: str, theirs: str, attentions: dict[str, tuple[str, str]], gated: bool) -> list[WeightLink]:
    links = []
    for j, (sublayer, (norm, name)) in enumerate(attentions.items()):
        links.append(WeightLink.same(f"{ours}.{norm}.weight", f"{theirs}.layer.{j}.layer_norm.weight"))
        attention = f"{theirs}.layer.{j}.{name}"
        for mine, other in ATTENTION.items():
            links.append(WeightLink.same(f"{ours}.{sublayer}.{mine}.weight", f"{attention}.{other}.weight"))
    feed = f"{theirs}.layer.{len(attentions)}"
    links.append(WeightLink.same(f"{ours}.feed_norm.weight", f"{feed}.layer_norm.weight"))
    names = {"gate": "wi_0", "up": "wi_1", "down": "wo"} if gated else {"up": "wi", "down": "wo"}
    for mine, other in names.items():
        links.append(WeightLink.same(f"{ours}.feed.{mine}.weight", f"{feed}.DenseReluDense.{other}.weight"))
    return links
