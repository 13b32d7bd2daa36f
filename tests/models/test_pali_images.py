"""PaLI on several images: each is projected alone, and what is absent changes nothing for any language model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pali3kit import create_language
from pali3kit.errors import ConfigError
from pali3kit.language.contract import LanguageModel
from pali3kit.language.prefix_lm import PrefixLM
from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import PaLIModel
from pali3kit.projector.contract import Projector
from pali3kit.projector.linear import LinearProjector
from pali3kit.projector.mlp import MLPProjector
from pali3kit.projector.pixel_shuffle import PixelShuffleProjector
from pali3kit.projector.resampler import ResamplerProjector
from pali3kit.training.modules import PaLIModule
from pali3kit.vision.vit import ViT

V, D = 50, 16
GRID = (2, 2)
SMALL: dict[str, Any] = {
    "vocab_size": V, "hidden_size": D, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 8, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
PROJECTORS: dict[str, Callable[[], Projector]] = {
    "linear": lambda: LinearProjector(12, D, positions="sine2d"),
    "mlp": lambda: MLPProjector(12, D),
    "pixel_shuffle": lambda: PixelShuffleProjector(12, D),
    "resampler": lambda: ResamplerProjector(12, D, tokens=3, depth=1, heads=2),
}
OURS: dict[str, Callable[[], LanguageModel]] = {
    "ul2": lambda: UL2(V, width=D, encoder_depth=2, decoder_depth=1, heads=2, head_width=8, mlp=24),
    "prefix_lm": lambda: PrefixLM(V, D, depth=2, heads=2, head_width=8, mlp=24),
}
THEIRS: dict[str, Callable[[], Any]] = {
    "t5": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(vocab_size=V, d_model=D, d_kv=8, d_ff=24, num_layers=2, num_heads=2,
                              decoder_start_token_id=0, eos_token_id=1, dropout_rate=0.0)),
    "bart": lambda: transformers.BartForConditionalGeneration(  # with a table of absolute positions
        transformers.BartConfig(vocab_size=V, d_model=D, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
                                decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24,
                                max_position_embeddings=64, decoder_start_token_id=0, eos_token_id=1, pad_token_id=0)),
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL)),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=V, n_embd=D, n_layer=1, n_head=2, n_positions=64, bos_token_id=2,
                                eos_token_id=1)),
}  # fmt: skip

IMAGES = (1, 4, 0, 2)  # of each example
PROMPTS = torch.tensor([[5, 6, 7], [8, 9, 0], [10, 11, 0], [12, 13, 14]])
TARGETS = torch.tensor([[3, 4, 1], [3, 1, 0], [6, 7, 1], [4, 1, 0]])


def batch(pixels: bool = False) -> dict[str, torch.Tensor]:
    """Four examples of one, four, no and two images; what is absent holds noise, which nobody may read."""
    generator = torch.Generator().manual_seed(1)
    seen = torch.randn(4, max(IMAGES), *((3, 16, 16) if pixels else (4, 12)), generator=generator)
    return {
        "images" if pixels else "tokens": seen,
        "image_mask": torch.arange(max(IMAGES)) < torch.tensor(IMAGES)[:, None],
        "prompts": PROMPTS, "prompt_mask": PROMPTS != 0, "targets": TARGETS, "target_mask": TARGETS != 0,
    }  # fmt: skip


def alone(whole: dict[str, torch.Tensor], row: int) -> dict[str, torch.Tensor]:
    """One example of a batch, as a batch of its own without padding."""
    prompt, target, images = int(whole["prompt_mask"][row].sum()), int(whole["target_mask"][row].sum()), IMAGES[row]
    one = {name: tensor[row : row + 1] for name, tensor in whole.items()}
    name = "images" if "images" in whole else "tokens"
    one[name], one["image_mask"] = one[name][:, : max(1, images)], one["image_mask"][:, : max(1, images)]
    if images:
        del one["image_mask"]
    if images == 1:
        one[name] = one[name][:, 0]  # the axis of images may be left out
    for text, length in (("prompt", prompt), ("target", target)):
        one[f"{text}s"], one[f"{text}_mask"] = one[f"{text}s"][:, :length], one[f"{text}_mask"][:, :length]
    return one


@pytest.fixture(params=[*OURS, *THEIRS])
def language(request: pytest.FixtureRequest, tmp_path: Path) -> LanguageModel:
    torch.manual_seed(0)
    if request.param in OURS:
        return OURS[request.param]()
    theirs = THEIRS[request.param]()
    with torch.no_grad():
        for parameter in theirs.parameters():  # as initialised they hardly read their prefix
            parameter.normal_(std=0.3)
    theirs.save_pretrained(tmp_path)
    return create_language(f"hf/{tmp_path}", V)


def states(pali: PaLIModel, one: dict[str, torch.Tensor]) -> torch.Tensor:
    texts = one["prompts"], one["prompt_mask"], one["targets"]
    return pali(one["tokens"], GRID, *texts, one.get("image_mask"))


@pytest.mark.parametrize("projector", PROJECTORS)
def test_a_mixed_batch_equals_its_examples_alone(projector: str) -> None:
    for build in OURS.values():
        torch.manual_seed(0)
        check_mixed(PaLIModel(None, PROJECTORS[projector](), build()).eval())


def test_for_every_language_model(language: LanguageModel) -> None:
    check_mixed(PaLIModel(None, LinearProjector(12, D), language).eval())


def check_mixed(pali: PaLIModel) -> None:
    """Logits, the loss and generated answers."""
    whole = batch()
    with torch.no_grad():
        logits = states(pali, whole)
        loss = PaLIModule(pali, GRID).losses(whole)["loss"]
        texts = whole["prompts"], whole["prompt_mask"]
        answers = pali.generate(whole["tokens"], GRID, *texts, 5, image_mask=whole["image_mask"])
        total = torch.zeros(())
        for row in range(len(IMAGES)):
            one = alone(whole, row)
            length = one["targets"].shape[1]
            torch.testing.assert_close(logits[row : row + 1, :length], states(pali, one), rtol=1e-5, atol=1e-5)
            total += PaLIModule(pali, GRID).losses(one)["loss"] * length
            texts = one["prompts"], one["prompt_mask"]
            answer = pali.generate(one["tokens"], GRID, *texts, 5, image_mask=one.get("image_mask"))
            assert torch.equal(answers[row, : answer.shape[1]], answer[0]) and not answers[row, answer.shape[1] :].any()
    torch.testing.assert_close(loss, total / (TARGETS != 0).sum(), rtol=1e-5, atol=1e-6)


def test_their_order_matters_and_each_is_read(language: LanguageModel) -> None:
    pali, whole = PaLIModel(None, LinearProjector(12, D), language).eval(), batch()
    with torch.no_grad():
        logits = states(pali, whole)
        turned = states(pali, {**whole, "tokens": whole["tokens"].flip(1)})
        last = whole["tokens"].clone()
        last[1, 3] += 1
        changed = states(pali, {**whole, "tokens": last})
    assert not torch.allclose(logits[1], turned[1], rtol=0, atol=1e-5)
    assert not torch.allclose(logits[1], changed[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(logits[[0, 2, 3]], changed[[0, 2, 3]], rtol=0, atol=1e-6)


def test_an_encoder_that_learns_gets_the_gradient_of_the_examples_alone() -> None:
    torch.manual_seed(0)
    vision = ViT(16, width=12, depth=1, heads=2, mlp=24, patch=8)
    module = PaLIModule(PaLIModel(vision, LinearProjector(12, D), OURS["ul2"]()), vision.native_grid).eval()
    whole, encoded = batch(pixels=True), []
    hook = vision.register_forward_hook(lambda module, inputs, output: encoded.append(len(inputs[0])))
    module.losses(whole)["loss"].backward()
    hook.remove()
    assert encoded == [1 + 4 + 1 + 2]  # absent images are not encoded, but for one of an example without any
    together = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    for row in range(len(IMAGES)):
        one = alone(whole, row)
        share = one["targets"].shape[1] / int((TARGETS != 0).sum())
        (module.losses(one)["loss"] * share).backward()
    for name, gradient in together.items():
        torch.testing.assert_close(gradient, module.get_parameter(name).grad, rtol=1e-4, atol=1e-6)
    assert together["model.vision.embed.weight"].abs().sum() > 0


@pytest.mark.parametrize(("kind", "fits"), [("bart", (64, 64)), ("gpt2", (40, 24))])
def test_positions_that_run_out_are_told(kind: str, fits: tuple[int, int], tmp_path: Path) -> None:
    THEIRS[kind]().save_pretrained(tmp_path)
    language = create_language(f"hf/{tmp_path}", V)
    language.require_positions(*fits)
    with pytest.raises(ConfigError, match=f"a '{kind}' with 64 positions cannot read {fits[0] + 1} tokens of images"):
        language.require_positions(fits[0] + 1, fits[1])
    OURS["ul2"]().require_positions(10_000, 10_000)
