"""Encoder-decoders of transformers as `LanguageModel`s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pali3kit.language.adapters.hf import _create as create_hf
from pali3kit.language.generate import generate

FAMILIES: dict[str, Any] = {
    "mt5": lambda: transformers.MT5Config(
        vocab_size=60, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, dropout_rate=0.0
    ),
    "bart": lambda: transformers.BartConfig(
        vocab_size=60, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=64, dropout=0.0,
        forced_eos_token_id=None, scale_embedding=True,
    ),
    "t5gemma": lambda: transformers.T5GemmaConfig(
        encoder=GEMMA, decoder=GEMMA, vocab_size=60, dropout_rate=0.0,
    ),
}  # fmt: skip
GEMMA = {
    "vocab_size": 60, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8, "eos_token_id": 1, "bos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    folder: Path = tmp_path_factory.mktemp(request.param)
    model = transformers.AutoModelForSeq2SeqLM.from_config(FAMILIES[request.param]())
    with torch.no_grad():
        for parameter in model.parameters():  # with the initial weights they repeat their last token forever
            parameter.normal_(std=0.5)
    model.save_pretrained(folder)
    return folder


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(8)
    ids, targets = torch.randint(4, 60, (3, 9)), torch.randint(4, 60, (3, 6))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[1, 5:] = False
    return ids, mask, targets


def test_logits_are_the_models_own_cached_or_not(folder: Path) -> None:
    ours = create_hf(str(folder), 60).eval()
    ids, mask, targets = inputs()
    with torch.no_grad():
        peer = ours.model(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=targets).logits
        memory = ours.encode(ours.embed(ids), mask)
        whole = ours.to_logits(ours.decode_states(targets, memory, mask))
        cache = ours.new_cache(6)
        steps = [ours.decode_states(targets[:, i : i + 1], memory, mask, cache) for i in range(6)]
    torch.testing.assert_close(whole, peer, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat(steps, 1), whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_generates_what_transformers_does(folder: Path, beams: int) -> None:
    ours = create_hf(str(folder), 60).eval()
    ids, mask, _ = inputs()
    with torch.no_grad():
        memory = ours.encode(ours.embed(ids), mask)
    mine = generate(ours, memory, mask, 8, beams, length_penalty=0.0).tolist()
    peer = ours.model.generate(
        input_ids=ids, attention_mask=mask.long(), num_beams=beams, max_new_tokens=8, do_sample=False,
        length_penalty=0.0, early_stopping="never" if beams > 1 else False, eos_token_id=ours.eos_id,
    )[:, 1:].tolist()  # fmt: skip
    until = [row[: row.index(ours.eos_id) + 1] if ours.eos_id in row else row for row in peer]
    assert [row[: len(other)] for row, other in zip(mine, until, strict=True)] == until


def test_every_parameter_gets_a_gradient_and_new_tokens_get_rows(folder: Path) -> None:
    ours = create_hf(str(folder), 70).train()
    assert torch.equal(
        ours.model.get_input_embeddings().weight, create_hf(str(folder), 70).model.get_input_embeddings().weight
    )
    ids, mask, targets = inputs()
    states = ours.decode_states(targets + 8, ours.encode(ours.embed(ids), mask), mask)
    assert states.shape == (3, 6, 70)
    states.square().sum().backward()
    assert [name for name, p in ours.named_parameters() if p.requires_grad and p.grad is None] == []
