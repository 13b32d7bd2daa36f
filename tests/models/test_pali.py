"""PaLI: visual tokens are prepended to the prompt, and nothing of the target leaks."""

from __future__ import annotations

import pytest
import torch

from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import PaLIModel, shift_right
from pali3kit.projector.linear import LinearProjector
from pali3kit.vision.vit import ViT


def model(vision: bool = True) -> PaLIModel:
    torch.manual_seed(0)
    encoder = ViT(16, width=12, depth=1, heads=2, mlp=24, patch=8)
    language = UL2(50, width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
    return PaLIModel(encoder if vision else None, LinearProjector(12, 16), language).eval()


PROMPTS = torch.tensor([[5, 6, 7], [8, 9, 0]])
MASK = PROMPTS != 0


def test_the_encoder_reads_image_tokens_then_prompt() -> None:
    pali = model()
    tokens, grid = pali.encode_images(torch.randn(2, 3, 16, 16))
    assert tokens.shape == (2, 4, 12) and grid == (2, 2)
    memory, mask = pali.encode(tokens, grid, PROMPTS, MASK)
    embeds = torch.cat([pali.projector(tokens, grid), pali.language.embed(PROMPTS)], 1)
    torch.testing.assert_close(memory, pali.language.encode(embeds, mask))
    assert mask.tolist() == [[True] * 7, [True] * 6 + [False]]


def test_the_image_and_the_prompt_both_matter() -> None:
    pali = model()
    images, targets = torch.randn(2, 3, 16, 16), torch.tensor([[3, 4], [3, 4]])
    tokens, grid = pali.encode_images(images)
    logits = pali(tokens, grid, PROMPTS, MASK, targets)
    assert logits.shape == (2, 2, 50)
    other_tokens, _ = pali.encode_images(images.flip(0))
    assert not torch.allclose(pali(other_tokens, grid, PROMPTS, MASK, targets), logits)
    assert not torch.allclose(pali(tokens, grid, PROMPTS.flip(0), MASK.flip(0), targets), logits)


def test_an_example_without_an_image_reads_its_prompt_alone() -> None:
    pali = model()
    tokens, grid = pali.encode_images(torch.randn(2, 3, 16, 16))
    targets, there = torch.tensor([[3, 4], [3, 4]]), torch.tensor([[True], [False]])
    states = pali.states(tokens, grid, PROMPTS, MASK, targets, there)
    others = pali.states(tokens.flip(0), grid, PROMPTS, MASK, targets, there)
    assert not torch.allclose(states[0], others[0])
    torch.testing.assert_close(states[1], others[1], rtol=0, atol=0)
    memory, mask = pali.language.embed(PROMPTS[1:]), MASK[1:]  # as the language model alone reads it
    alone = pali.language.decode_states(shift_right(targets[1:], 0), pali.language.encode(memory, mask), mask)
    torch.testing.assert_close(states[1:], alone)


def test_logits_do_not_see_their_own_or_later_targets() -> None:
    pali = model()
    tokens, grid = pali.encode_images(torch.randn(1, 3, 16, 16))
    targets = torch.randint(2, 50, (1, 6))
    changed = targets.clone()
    changed[:, 3:] = (targets[:, 3:] + 1) % 50
    with torch.no_grad():
        before, after = (pali(tokens, grid, PROMPTS[:1], MASK[:1], x) for x in (targets, changed))
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])


def test_generation_is_the_argmax_of_the_logits() -> None:
    pali = model()
    tokens, grid = pali.encode_images(torch.randn(2, 3, 16, 16))
    ids = pali.generate(tokens, grid, PROMPTS, MASK, max_length=5)
    with torch.no_grad():
        best = pali(tokens, grid, PROMPTS, MASK, ids).argmax(-1)
    for row, expected in zip(ids.tolist(), best.tolist(), strict=True):
        end = row.index(1) + 1 if 1 in row else len(row)
        assert row[:end] == expected[:end]


def test_without_an_encoder_it_asks_for_tokens() -> None:
    with pytest.raises(ValueError, match="give it visual tokens"):
        model(vision=False).encode_images(torch.randn(1, 3, 16, 16))


def test_shift_right() -> None:
    assert shift_right(torch.tensor([[4, 5, 1]]), 0).tolist() == [[0, 4, 5]]
