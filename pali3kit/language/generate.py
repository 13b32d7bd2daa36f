"""Greedy and beam decoding of any encoder-decoder under the language contract."""

from __future__ import annotations

import torch
from torch import Tensor

from pali3kit.language.ul2 import UL2


@torch.inference_mode()
def generate(
    language: UL2, memory: Tensor, memory_mask: Tensor, max_length: int, beams: int = 1, length_penalty: float = 0.6
) -> Tensor:
    """Token ids `[B, up to max_length]` for a memory `[B,N,D]` with mask `[B,N]`; rows are padded after their end.

    `beams=1` is greedy. Beam search keeps `beams` hypotheses per row and returns the best by
    `log p / ((5 + length) / 6) ** length_penalty` (Wu et al. 2016, t5x).
    """
    if beams == 1:
        return _greedy(language, memory, memory_mask, max_length)
    return _beam(language, memory, memory_mask, max_length, beams, length_penalty)


def _greedy(language: UL2, memory: Tensor, memory_mask: Tensor, max_length: int) -> Tensor:
    cache = language.new_cache()
    last = torch.full((len(memory), 1), language.start_id, device=memory.device)
    done = torch.zeros(len(memory), dtype=torch.bool, device=memory.device)
    steps: list[Tensor] = []
    while len(steps) < max_length and not done.all():
        logits = language.decode(last, memory, memory_mask, cache)[:, -1]
        last = logits.argmax(-1, keepdim=True).masked_fill(done[:, None], language.start_id)
        done |= last[:, 0] == language.eos_id
        steps.append(last)
    return torch.cat(steps, 1)


def _beam(
    language: UL2, memory: Tensor, memory_mask: Tensor, max_length: int, beams: int, length_penalty: float
) -> Tensor:
    batch, device = len(memory), memory.device
    memory, memory_mask = (x.repeat_interleave(beams, 0) for x in (memory, memory_mask))
    cache = language.new_cache()
    ids = torch.full((batch, beams, 1), language.start_id, device=device)
    scores = torch.full((batch, beams), -torch.inf, device=device)
    scores[:, 0] = 0.0  # all beams are alike at the start: grow from one
    best_ids = torch.zeros(batch, max_length, dtype=torch.long, device=device)
    best = torch.full((batch,), -torch.inf, device=device)
    rows = torch.arange(batch, device=device)
    for length in range(1, max_length + 1):
        logits = language.decode(ids[:, :, -1].reshape(-1, 1), memory, memory_mask, cache)[:, -1]
        total = scores[:, :, None] + logits.float().log_softmax(-1).view(batch, beams, -1)
        # Twice as many candidates as beams: at most `beams` of them end, so that `beams` always go on.
        top, index = total.flatten(1).topk(2 * beams)
        parent, token = index // total.shape[-1], index % total.shape[-1]
        candidates = torch.cat([ids[rows[:, None], parent], token[..., None]], -1)
        ended = (token == language.eos_id) | (length == max_length)
        penalty = ((5 + length) / 6) ** length_penalty
        finished, which = torch.where(ended, top / penalty, -torch.inf).max(1)
        better = finished > best
        best = torch.where(better, finished, best)
        best_ids[better, :length] = candidates[rows, which, 1:][better]
        best_ids[better, length:] = language.start_id
        scores, keep = torch.where(token == language.eos_id, -torch.inf, top).topk(beams)
        ids = candidates[rows[:, None], keep]
        # Scores only fall, and the penalty grows with length: the longest still possible bounds every open beam.
        if (best >= scores[:, 0] / ((5 + max_length) / 6) ** length_penalty).all():
            break
        chosen = (parent.gather(1, keep) + rows[:, None] * beams).flatten()
        for layer in cache:
            layer.reorder(chosen)
    lengths = (best_ids != language.start_id).sum(1)
    return best_ids[:, : int(lengths.max())]
