"""UL2: logits equal transformers' T5 v1.1, cached ones equal uncached ones, and targets are causal."""

from __future__ import annotations

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from pali3kit.language.ul2 import UL2

SHAPE = {"width": 32, "encoder_depth": 2, "decoder_depth": 2, "heads": 4, "head_width": 8, "mlp": 48}


def make(**options: object) -> UL2:
    torch.manual_seed(0)
    return UL2(vocabulary=97, **(SHAPE | options)).eval()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", ["silu", "gelu"])
def test_logits_equal_transformers(tied: bool, activation: str) -> None:
    ours = make(tied=tied, activation=activation)
    config = T5Config(
        vocab_size=97, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=2, num_heads=4,
        feed_forward_proj="gated-silu" if activation == "silu" else "gated-gelu", tie_word_embeddings=tied,
        dropout_rate=0.0,
    )  # fmt: skip
    theirs = T5ForConditionalGeneration(config).eval()
    if not tied:  # transformers 5 ties the embedding of every T5; in v1.1 the logits have their own weights
        theirs.lm_head = torch.nn.Linear(32, 97, bias=False)
    theirs.load_state_dict(as_t5(ours), strict=False)
    if activation == "gelu":
        assert config.dense_act_fn == "gelu_new"  # the tanh approximation, like ours
    # longer than max_distance = 128, so that the last bucket is used
    ids, mask = torch.randint(2, 97, (2, 150)), torch.ones(2, 150, dtype=torch.bool)
    mask[1, 90:] = False
    targets = torch.randint(2, 97, (2, 11))
    with torch.no_grad():
        memory = ours.encode(ours.embed(ids), mask)
        logits = ours.decode(targets, memory, mask)
        peer = theirs(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=targets).logits
    torch.testing.assert_close(logits, peer, atol=1e-4, rtol=1e-4)


def as_t5(model: UL2) -> dict[str, torch.Tensor]:
    """Our weights under transformers' names."""
    ours = model.state_dict()
    theirs = {"shared.weight": ours["embedding.weight"], "lm_head.weight": ours["embedding.weight"]}
    if "logits.weight" in ours:
        theirs["lm_head.weight"] = ours["logits.weight"]
    inside = {"query": "q", "key": "k", "value": "v", "out": "o"}
    for stack, sublayers in (
        ("encoder", ("attention", "feed")),
        ("decoder", ("attention", "memory_attention", "feed")),
    ):
        theirs[f"{stack}.embed_tokens.weight"] = ours["embedding.weight"]
        theirs[f"{stack}.final_layer_norm.weight"] = ours[f"{stack}_norm.weight"]
        bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        theirs[bias] = ours[f"{stack}_bias.table.weight"]
        for i in range(2):
            for j, sub in enumerate(sublayers):
                layer = f"{stack}.block.{i}.layer.{j}."
                norm = sub.replace("attention", "attention_norm").replace("memory_attention_norm", "memory_norm")
                norm = "feed_norm" if sub == "feed" else norm
                theirs[layer + "layer_norm.weight"] = ours[f"{stack}.{i}.{norm}.weight"]
                if sub == "feed":
                    for mine, other in (("gate", "wi_0"), ("up", "wi_1"), ("down", "wo")):
                        theirs[f"{layer}DenseReluDense.{other}.weight"] = ours[f"{stack}.{i}.feed.{mine}.weight"]
                    continue
                name = "SelfAttention" if sub == "attention" else "EncDecAttention"
                for mine, other in inside.items():
                    theirs[f"{layer}{name}.{other}.weight"] = ours[f"{stack}.{i}.{sub}.{mine}.weight"]
    return theirs


def test_cached_logits_equal_uncached_at_every_step() -> None:
    model = make()
    memory, mask = torch.randn(3, 9, 32), torch.ones(3, 9, dtype=torch.bool)
    mask[2, 5:] = False
    ids = torch.randint(2, 97, (3, 12))
    with torch.no_grad():
        whole = model.decode(ids, memory, mask)
        cache = model.new_cache(12)
        steps = [model.decode(ids[:, i : i + 1], memory, mask, cache) for i in range(12)]
    torch.testing.assert_close(torch.cat(steps, 1), whole, atol=1e-5, rtol=1e-4)


def test_a_later_token_does_not_move_an_earlier_logit() -> None:
    model = make()
    memory, mask = torch.randn(1, 4, 32), torch.ones(1, 4, dtype=torch.bool)
    ids = torch.randint(2, 97, (1, 8))
    changed = ids.clone()
    changed[:, 5] = (ids[:, 5] + 1) % 97
    with torch.no_grad():
        before, after = (model.decode(x, memory, mask) for x in (ids, changed))
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


def test_padding_does_not_matter() -> None:
    model = make()
    embeds = model.embed(torch.randint(2, 97, (1, 6)))
    padded = torch.cat([embeds, torch.randn(1, 3, 32)], 1)
    with torch.no_grad():
        short = model.encode(embeds, torch.ones(1, 6, dtype=torch.bool))
        long = model.encode(padded, torch.tensor([[True] * 6 + [False] * 3]))
    torch.testing.assert_close(long[:, :6], short, atol=1e-5, rtol=1e-4)


def test_every_parameter_gets_a_gradient() -> None:
    model = make().train()
    memory = model.encode(model.embed(torch.randint(2, 97, (2, 40))), torch.ones(2, 40, dtype=torch.bool))
    model.decode(torch.randint(2, 97, (2, 40)), memory, torch.ones(2, 40, dtype=torch.bool)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or p.grad.abs().sum() == 0] == []


def test_parameter_count_of_the_3b_shape() -> None:
    """T5.1.1-XL, the best guess for PaLI-3's UL2-3B (paper.md §1.4)."""
    with torch.device("meta"):
        model = UL2(32_128, width=2048, encoder_depth=24, decoder_depth=24, heads=32, head_width=64, mlp=5120)
    assert sum(p.numel() for p in model.parameters()) == 2_849_757_184
