"""How transformers names the parts of T5, T5 v1.1, Flan-T5, mT5 and UL2."""

from __future__ import annotations

from pali3kit.language.ul2 import UL2
from pali3kit.weights.links import Link, same

MARK = "encoder.final_layer_norm.weight"  # what every T5 has, and what precedes it is the prefix of all
ATTENTION = {"query": "q", "key": "k", "value": "v", "out": "o"}
OWN = {"attention": ("attention_norm", "SelfAttention")}
OTHERS = {"memory_attention": ("memory_norm", "EncDecAttention")}
# What files hold and no model reads: copies of shared.weight, and in the first T5's a bias that attention to the
# encoder once had.
LEFTOVERS = (
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
)


def language_links(language: UL2) -> list[Link]:
    """Links of all of `language`'s parameters."""
    links = [same("embedding.weight", "shared.weight")]
    if language.logits is not None:
        links.append(same("logits.weight", "lm_head.weight"))
    for stack, depth, sublayers in (
        ("encoder", language.shape.encoder_depth, OWN),
        ("decoder", language.shape.decoder_depth, OWN | OTHERS),
    ):
        links.append(same(f"{stack}_norm.weight", f"{stack}.final_layer_norm.weight"))
        first = f"{stack}.block.0.layer.0.SelfAttention"
        links.append(same(f"{stack}_bias.table.weight", f"{first}.relative_attention_bias.weight"))
        for i in range(depth):
            links += _layer_links(f"{stack}.{i}", f"{stack}.block.{i}", sublayers, bool(language.options["gated"]))
    return links


def _layer_links(ours: str, theirs: str, attentions: dict[str, tuple[str, str]], gated: bool) -> list[Link]:
    links = []
    for j, (sublayer, (norm, name)) in enumerate(attentions.items()):
        links.append(same(f"{ours}.{norm}.weight", f"{theirs}.layer.{j}.layer_norm.weight"))
        for mine, other in ATTENTION.items():
            links.append(same(f"{ours}.{sublayer}.{mine}.weight", f"{theirs}.layer.{j}.{name}.{other}.weight"))
    feed = f"{theirs}.layer.{len(attentions)}"
    links.append(same(f"{ours}.feed_norm.weight", f"{feed}.layer_norm.weight"))
    names = {"gate": "wi_0", "up": "wi_1", "down": "wo"} if gated else {"up": "wi", "down": "wo"}
    for mine, other in names.items():
        links.append(same(f"{ours}.feed.{mine}.weight", f"{feed}.DenseReluDense.{other}.weight"))
    return links
