"""Generation: greedy and beam search against exhaustive search and transformers."""

from __future__ import annotations

import itertools

import torch

from pali3kit.language.generate import generate
from pali3kit.language.ul2 import UL2

SHAPE = {"width": 16, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 8, "mlp": 24}


def make(vocabulary: int) -> UL2:
    torch.manual_seed(3)
    return UL2(vocabulary=vocabulary, **SHAPE).eval()


def memory_of(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(batch, 5, 16), torch.ones(batch, 5, dtype=torch.bool)


def log_probability(model: UL2, memory: torch.Tensor, mask: torch.Tensor, ids: list[int]) -> float:
    with torch.no_grad():
        logits = model.decode(torch.tensor([[0, *ids[:-1]]]), memory, mask)[0]
    return float(logits.log_softmax(-1)[range(len(ids)), ids].sum())


def test_greedy_takes_the_likeliest_token_and_pads_after_the_end() -> None:
    model, (memory, mask) = make(30), memory_of(16)
    ids = generate(model, memory, mask, max_length=10)
    with torch.no_grad():
        logits = model.decode(torch.cat([torch.zeros(16, 1, dtype=torch.long), ids[:, :-1]], 1), memory, mask)
    for row, best in zip(ids.tolist(), logits.argmax(-1).tolist(), strict=True):
        end = row.index(1) + 1 if 1 in row else len(row)
        assert row[:end] == best[:end]
        assert not any(row[end:])


def test_a_row_is_the_same_alone_and_in_a_batch() -> None:
    model, (memory, mask) = make(30), memory_of(6)
    for beams in (1, 3):
        together = generate(model, memory, mask, 8, beams)
        for i in range(6):
            alone = generate(model, memory[i : i + 1], mask[i : i + 1], 8, beams)[0]
            assert together[i, : len(alone)].tolist() == alone.tolist()
            assert not together[i, len(alone) :].any()


def test_a_wide_beam_finds_the_best_of_all_sequences() -> None:
    """Exhaustive over a vocabulary of 5 and lengths up to 4, scored as documented."""
    model, (memory, mask) = make(5), memory_of(1)
    finished = [
        list(ids)
        for length in range(1, 5)
        for ids in itertools.product(range(5), repeat=length)
        if (ids[-1] == 1 or length == 4) and 1 not in ids[:-1]
    ]

    def score(ids: list[int]) -> float:
        return log_probability(model, memory, mask, ids) / ((5 + len(ids)) / 6) ** 0.6

    assert generate(model, memory, mask, max_length=4, beams=600)[0].tolist() == max(finished, key=score)
