"""Decoders of transformers as prefix-LMs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pali3kit.language.adapters.hf import _create as create_hf
from pali3kit.language.generate import generate

SMALL = {
    "vocab_size": 60, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8, "eos_token_id": 1, "bos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
FAMILIES: dict[str, Any] = {
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=60, n_embd=16, n_layer=2, n_head=2, n_positions=32, eos_token_id=1, bos_token_id=2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    ),
    "llama": lambda: transformers.LlamaConfig(**SMALL),
    "qwen2": lambda: transformers.Qwen2Config(**SMALL),
    "gemma": lambda: transformers.GemmaConfig(**SMALL),
    "gemma2": lambda: transformers.Gemma2Config(**SMALL, sliding_window=32),
    "gemma3": lambda: transformers.Gemma3TextConfig(**SMALL, sliding_window=32, sliding_window_pattern=2),
}  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES)
def ours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.manual_seed(3)
    folder: Path = tmp_path_factory.mktemp(request.param)
    model = transformers.AutoModelForCausalLM.from_config(FAMILIES[request.param]())
    with torch.no_grad():
        for parameter in model.parameters():  # with the initial weights they repeat their last token forever
            parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    return create_hf(str(folder), 60).eval()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(5)
    prompt, targets = torch.randint(3, 60, (3, 7)), torch.randint(3, 60, (3, 6))
    mask = torch.ones_like(prompt, dtype=torch.bool)
    mask[1, 4:] = False
    return prompt, mask, targets


@torch.no_grad()
def logits(model: Any, prompt: torch.Tensor, mask: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return model.to_logits(model.decode_states(targets, model.encode(model.embed(prompt), mask), mask))


def test_after_a_prefix_of_one_token_logits_are_the_models_own(ours: Any) -> None:
    """With one token, the causal mask and the prefix mask are equal."""
    prompt, _, targets = inputs()
    with torch.no_grad():
        peer = ours.model(input_ids=torch.cat([prompt[:, :1], targets], 1)).logits[:, 1:]
    mask = torch.ones(3, 1, dtype=torch.bool)
    torch.testing.assert_close(logits(ours, prompt[:, :1], mask, targets), peer, atol=1e-5, rtol=1e-4)


def test_the_first_token_of_the_prefix_sees_its_last_and_targets_nothing_later(ours: Any) -> None:
    prompt, mask, targets = inputs()
    before = logits(ours, prompt, mask, targets)
    with torch.no_grad():
        causal = ours.model(input_ids=torch.cat([prompt, targets], 1)).logits[:, -6:]
    assert not torch.allclose(before[0], causal[0], atol=1e-3)
    changed = targets.clone()
    changed[:, 3] = (targets[:, 3] - 2) % 57 + 3
    after = logits(ours, prompt, mask, changed)
    torch.testing.assert_close(before[:, :3], after[:, :3], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(before[:, 3:], after[:, 3:], atol=1e-3)


def test_cached_steps_equal_uncached_ones_and_padding_has_no_effect(ours: Any) -> None:
    prompt, mask, targets = inputs()
    whole = logits(ours, prompt, mask, targets)
    with torch.no_grad():
        memory, cache = ours.encode(ours.embed(prompt), mask), ours.new_cache(6)
        steps = [ours.decode_states(targets[:, i : i + 1], memory, mask, cache) for i in range(6)]
    torch.testing.assert_close(torch.cat(steps, 1), whole, atol=1e-5, rtol=1e-4)
    short = logits(ours, prompt[1:2, :4], mask[1:2, :4], targets[1:2])
    torch.testing.assert_close(whole[1:2], short, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_row_is_the_same_alone_and_in_a_batch(ours: Any, beams: int) -> None:
    torch.manual_seed(6)
    prompt, mask = torch.randint(3, 60, (8, 7)), torch.ones(8, 7, dtype=torch.bool)
    mask[::2, 5:] = False
    with torch.no_grad():
        memory = ours.encode(ours.embed(prompt), mask)
    together = generate(ours, memory, mask, 8, beams)
    for i in range(8):
        alone = generate(ours, memory[i : i + 1], mask[i : i + 1], 8, beams)[0]
        assert together[i, : len(alone)].tolist() == alone.tolist()


def test_gradient_checkpointing_keeps_gradients_and_new_tokens_get_rows(ours: Any, tmp_path: Path) -> None:
    ours.model.save_pretrained(tmp_path)
    model, gradients = create_hf(str(tmp_path), 70).train(), []
    prompt, mask, targets = inputs()
    for model.gradient_checkpointing in (False, True):
        model.zero_grad()
        states = model.decode_states(targets + 8, model.encode(model.embed(prompt), mask), mask)
        assert states.shape == (3, 6, 70)
        states.square().sum().backward()
        assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
        gradients.append([p.grad.clone() for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("family", ["gemma", "gemma2"])
def test_logits_are_those_of_transformers_paligemma(family: str, tmp_path: Path) -> None:
    """transformers' PaliGemma 1 and 2 have a prefix mask of their own for image and prompt."""
    torch.manual_seed(7)
    text = FAMILIES[family]()
    config = transformers.PaliGemmaConfig(
        text_config=text.to_dict(), projection_dim=16, hidden_size=16, image_token_id=59,
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 1, "image_size": 16, "patch_size": 8,
        },
    )  # fmt: skip
    pali = transformers.PaliGemmaForConditionalGeneration(config).eval()
    decoder = transformers.AutoModelForCausalLM.from_config(text)
    decoder.model.load_state_dict(pali.model.language_model.state_dict())
    decoder.save_pretrained(tmp_path)
    ours = create_hf(str(tmp_path), 60).eval()
    prompt, _, targets = inputs()
    mask = torch.ones_like(prompt, dtype=torch.bool)
    ids = torch.cat([prompt, targets], 1)
    kinds = torch.cat([torch.zeros_like(prompt), torch.ones_like(targets)], 1)
    with torch.no_grad():
        peer = pali.model(input_ids=ids, attention_mask=torch.ones_like(ids), token_type_ids=kinds).last_hidden_state
        peer = ours.model.get_output_embeddings()(peer)[:, 7:]
        if text.to_dict().get("final_logit_softcapping"):
            peer = text.final_logit_softcapping * torch.tanh(peer / text.final_logit_softcapping)
    torch.testing.assert_close(logits(ours, prompt, mask, targets), peer, atol=1e-5, rtol=1e-4)
