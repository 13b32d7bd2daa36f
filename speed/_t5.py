"""Our encoder-decoder and transformers' T5 with equal random weights. Not a script."""

from __future__ import annotations

import torch
from transformers import T5Config, T5ForConditionalGeneration

from pali3kit.language.ul2 import UL2
from pali3kit.weights.layouts.t5 import language_links
from pali3kit.weights.links import to_theirs

VOCABULARY = 32_128


def build(size: str, ends: float) -> tuple[UL2, T5ForConditionalGeneration]:
    """Both models. `ends` scales the weights of the end token's logit; with 0 it is never the most likely token."""
    torch.manual_seed(0)
    ours = UL2(VOCABULARY, size, activation="gelu").eval()
    with torch.no_grad():
        ours.logits.weight[ours.eos_id] *= ends
    shape = ours.shape
    config = T5Config(
        vocab_size=VOCABULARY, d_model=shape.width, d_ff=shape.mlp, d_kv=shape.head_width, num_heads=shape.heads,
        num_layers=shape.encoder_depth, num_decoder_layers=shape.decoder_depth, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False, dropout_rate=0.0, decoder_start_token_id=0,
    )  # fmt: skip
    theirs = T5ForConditionalGeneration(config).eval()
    theirs.lm_head.weight = torch.nn.Parameter(torch.empty(VOCABULARY, shape.width))  # transformers 5 ties every T5
    theirs.load_state_dict(to_theirs(language_links(ours), ours.state_dict()), strict=False)
    return ours, theirs
