"""The prefix LM: its mask, its cache, and that padding has no effect."""

from __future__ import annotations

import pytest
import torch

from pali3kit.language.generate import generate
from pali3kit.language.prefix_lm import PrefixLM

SHAPE = {"width": 16, "depth": 2, "heads": 2, "head_width": 8, "mlp": 24, "buckets": 8, "max_distance": 16}


@pytest.fixture
def model() -> PrefixLM:
    torch.manual_seed(4)
    model = PrefixLM(vocabulary=40, **SHAPE).eval()
    with torch.no_grad():
        model.logits.weight[1] *= 3  # answers sometimes end
    return model


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    prompt, targets = torch.randint(2, 40, (3, 7)), torch.randint(2, 40, (3, 6))
    mask = torch.ones_like(prompt, dtype=torch.bool)
    mask[1, 4:] = False
    return prompt, mask, targets


@torch.no_grad()
def logits(model: PrefixLM, prompt: torch.Tensor, mask: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return model.to_logits(model.decode_states(targets, model.encode(model.embed(prompt), mask), mask))


def test_targets_see_the_whole_prefix_and_nothing_later(model: PrefixLM) -> None:
    prompt, mask, targets = inputs()
    before = logits(model, prompt, mask, targets)
    changed = targets.clone()
    changed[:, 3] = (targets[:, 3] - 1) % 38 + 2
    after = logits(model, prompt, mask, changed)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])
    other = prompt.clone()
    other[0, 6] = (prompt[0, 6] - 1) % 38 + 2
    assert not torch.allclose(logits(model, other, mask, targets)[0], before[0])


def test_the_prefix_does_not_see_the_targets(model: PrefixLM) -> None:
    """Otherwise cached steps, which encode the prefix once, would differ from uncached ones."""
    prompt, mask, targets = inputs()
    with torch.no_grad():
        memory, cache = model.encode(model.embed(prompt), mask), model.new_cache(6)
        steps = [model.decode_states(targets[:, i : i + 1], memory, mask, cache) for i in range(6)]
    cached = model.to_logits(torch.cat(steps, 1))
    torch.testing.assert_close(cached, logits(model, prompt, mask, targets), atol=1e-5, rtol=1e-4)


def test_padding_between_prompt_and_target_has_no_effect(model: PrefixLM) -> None:
    prompt, mask, targets = inputs()
    padded = logits(model, prompt, mask, targets)[1:2]
    short = logits(model, prompt[1:2, :4], mask[1:2, :4], targets[1:2])
    torch.testing.assert_close(padded, short, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_row_is_the_same_alone_and_in_a_batch(model: PrefixLM, beams: int) -> None:
    prompt, mask = torch.randint(2, 40, (12, 7)), torch.ones(12, 7, dtype=torch.bool)
    mask[::2, 5:] = False
    memory = model.encode(model.embed(prompt), mask)
    together = generate(model, memory, mask, 8, beams)
    assert len({row.index(1) if 1 in row else 8 for row in together.tolist()}) > 2
    for i in range(12):
        alone = generate(model, memory[i : i + 1], mask[i : i + 1], 8, beams)[0]
        assert together[i, : len(alone)].tolist() == alone.tolist()


def test_every_parameter_gets_a_gradient_with_and_without_checkpointing(model: PrefixLM) -> None:
    gradients = []
    for model.gradient_checkpointing in (False, True):
        model.train().zero_grad()
        torch.manual_seed(0)
        prompt, mask, targets = inputs()
        states = model.decode_states(targets, model.encode(model.embed(prompt), mask), mask)
        model.to_logits(states).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
        gradients.append([p.grad.clone() for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
