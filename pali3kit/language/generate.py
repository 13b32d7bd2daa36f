"""Greedy decoding, sampling and beam search for any `LanguageModel`.

Rows whose answer has ended leave the batch, so that no step is spent on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pali3kit.language.contract import LanguageModel

LEAVE = 4  # ended rows leave when they are a quarter of the batch: copying the others' keys costs about one step

Constraint = Callable[[Tensor], Tensor]
"""From ids so far `[R,t]` to the mask `[R,V]` or `[1,V]` of ids that may follow, at least one per row."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Draw each token from `softmax(logits / temperature)` among the `top_k` likeliest tokens, or among the fewest
    that together have probability `top_p`. Raises ValueError for numbers that leave no token.
    """

    generator: torch.Generator
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature <= 0 or not 0 < self.top_p <= 1 or (self.top_k is not None and self.top_k < 1):
            raise ValueError(f"temperature and top_p should be above 0, top_p at most 1, top_k at least 1: {self}")

    def __call__(self, logits: Tensor) -> Tensor:
        """`[R,V] -> [R]`."""
        logits = logits / self.temperature
        if self.top_k is not None:
            likeliest = logits.topk(min(self.top_k, logits.shape[-1]), -1)
            logits = torch.full_like(logits, -torch.inf).scatter(-1, likeliest.indices, likeliest.values)
        probabilities, order = logits.softmax(-1).sort(-1, descending=True)
        before = probabilities.cumsum(-1) - probabilities
        kept = probabilities.masked_fill(before >= self.top_p, 0.0)
        return order.gather(-1, torch.multinomial(kept, 1, generator=self.generator)).squeeze(-1)


@torch.inference_mode()
def generate(
    language: LanguageModel,
    memory: Tensor,
    memory_mask: Tensor,
    max_length: int,
    beams: int = 1,
    length_penalty: float = 0.6,
    sampling: Sampling | None = None,
    constraint: Constraint | None = None,
) -> Tensor:
    """Token ids `[B, up to max_length]` for a memory `[B,N,D]` with mask `[B,N]`; rows are padded after EOS.

    With `beams=1` decoding is greedy, or samples if `sampling` is given. Beam search keeps `beams` hypotheses per row
    and returns the best by `log p / ((5 + length) / 6) ** length_penalty` (Wu et al. 2016, t5x). `constraint`
    restricts the ids that may follow.

    Raises:
        ValueError: `sampling` with several beams, `beams` below 1, a negative length penalty, or a mask that is not
            bool.
    """
    if beams < 1:
        raise ValueError(f"beams is {beams}, but must be at least 1 (greedy)")
    _require_bool(memory_mask)
    if length_penalty < 0:
        raise ValueError(f"the length penalty is {length_penalty}, but must be at least 0")
    rows = _Rows(language, memory, memory_mask, max_length, constraint)
    if beams == 1:
        return _one_by_one(rows, sampling or (lambda logits: logits.argmax(-1)))
    if sampling is not None:
        raise ValueError(f"sampling needs beams=1, not {beams}")
    return _beam(rows, beams, length_penalty)


class _Rows:
    """The rows of a batch whose answers have not ended: R targets (beams) of B memories."""

    def __init__(
        self, language: LanguageModel, memory: Tensor, mask: Tensor, max_length: int, constraint: Constraint | None
    ) -> None:
        self.language, self.memory, self.mask, self.constraint = language, memory, mask, constraint
        self.max_length, self.cache = max_length, language.new_cache(max_length)
        self.numbers = torch.arange(len(memory), device=memory.device)  # of the rows in the caller's batch
        self.answers = torch.full((len(memory), max_length), language.start_id, device=memory.device)

    def logits(self, ids: Tensor) -> Tensor:
        """fp32 logits `[R,V]` of the next token after `ids` `[R,t]`, start token included; -inf if not allowed."""
        states = self.language.decode_states(ids[:, -1:], self.memory, self.mask, self.cache)
        logits = self.language.to_logits(states[:, -1]).float()
        return logits if self.constraint is None else logits.masked_fill(~self.constraint(ids[:, 1:]), -torch.inf)

    def start(self, targets: int) -> Tensor:
        """The start token `[R,1]` of that many targets per memory."""
        shape = (len(self.memory) * targets, 1)
        return torch.full(shape, self.language.start_id, device=self.memory.device)

    def leave(self, done: Tensor) -> Tensor | None:
        """Drop the rows that are `done` `[B]` if there are enough; return the indices of the others, or None."""
        if int(done.sum()) * LEAVE < len(done):
            return None
        stay = (~done).nonzero().flatten()
        self.numbers, self.memory, self.mask = self.numbers[stay], self.memory[stay], self.mask[stay]
        return stay

    def trimmed(self) -> Tensor:
        """The answers, cut to the longest."""
        width = (self.answers != self.language.start_id).any(0).nonzero()
        return self.answers[:, : int(width.max()) + 1 if len(width) else 1]


def _one_by_one(rows: _Rows, pick: Callable[[Tensor], Tensor]) -> Tensor:
    ids, eos = rows.start(1), rows.language.eos_id
    done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for step in range(rows.max_length):
        token = pick(rows.logits(ids)).masked_fill(done, rows.language.start_id)
        rows.answers[rows.numbers, step] = token
        ids, done = torch.cat([ids, token[:, None]], 1), done | (token == eos)
        if done.all():
            break
        stay = rows.leave(done)
        if stay is not None:
            rows.cache.keep(stay, stay)
            ids, done = ids[stay], done[stay]
    return rows.trimmed()


def _beam(rows: _Rows, beams: int, length_penalty: float) -> Tensor:
    eos, device = rows.language.eos_id, rows.memory.device
    ids = rows.start(beams).view(-1, beams, 1)
    scores = torch.full(ids.shape[:2], -torch.inf, device=device)
    scores[:, 0] = 0.0  # all beams are equal at the start, so expand one only
    best = torch.full((len(ids),), -torch.inf, device=device)
    longest_penalty = ((5 + rows.max_length) / 6) ** length_penalty
    for length in range(1, rows.max_length + 1):
        log_p = rows.logits(ids.flatten(0, 1)).log_softmax(-1)
        total = scores[:, :, None] + log_p.view(len(ids), beams, -1)
        # Twice as many candidates as beams: at most `beams` of them end, so at least `beams` continue.
        top, index = total.flatten(1).topk(2 * beams)
        parent, token = index // total.shape[-1], index % total.shape[-1]
        candidates = torch.cat([_select(ids, parent), token[..., None]], -1)
        ended = (token == eos) | (length == rows.max_length)
        ended[:, beams:] = False  # as in transformers, an end that ranks below all beams does not count
        finished, which = torch.where(ended, top / ((5 + length) / 6) ** length_penalty, -torch.inf).max(1)
        better = finished > best
        best = torch.where(better, finished, best)
        winners = candidates[torch.arange(len(ids), device=device), which, 1:]
        rows.answers[rows.numbers[better], :length] = winners[better]
        rows.answers[rows.numbers[better], length:] = rows.language.start_id
        scores, kept = torch.where(token == eos, -torch.inf, top).topk(beams)
        ids, parent = _select(candidates, kept), parent.gather(1, kept)
        # Scores only fall and the divisor grows with length, so this bounds the final score of every open beam.
        done = best >= scores[:, 0] / longest_penalty
        if done.all():
            break
        stay = rows.leave(done)
        if stay is not None:
            rows.cache.keep(_targets_of(stay, beams), stay)
            ids, scores, best, parent = ids[stay], scores[stay], best[stay], parent[stay]
        rows.cache.reorder((parent + beams * torch.arange(len(ids), device=device)[:, None]).flatten())
    return rows.trimmed()


def _select(beams: Tensor, which: Tensor) -> Tensor:
    """Beams `[B,K,t]` and indices `[B,k]` to `[B,k,t]`."""
    return beams.gather(1, which[..., None].expand(*which.shape, beams.shape[-1]))


def _targets_of(memories: Tensor, beams: int) -> Tensor:
    """The indices `[R]` of the targets of some memories."""
    return (memories[:, None] * beams + torch.arange(beams, device=memories.device)).flatten()


def _require_bool(mask: Tensor) -> None:
    if mask.dtype != torch.bool:
        raise ValueError(f"the memory's mask should be bool, False for padding, not {mask.dtype}")


@torch.inference_mode()
def log_probabilities(language: LanguageModel, memory: Tensor, memory_mask: Tensor, targets: Tensor) -> Tensor:
    """Log-probability in nats, fp32 `[R,T]`, of each token of `targets` `[R,T]` after the ones before it.

    `memory` is `[B,N,D]`; R/B neighbouring targets (the choices of a question, say) share a row of it. Values at
    padding are meaningless: multiply by the targets' mask.

    Raises:
        ValueError: B does not divide R, or the memory's mask is not bool.
    """
    _require_bool(memory_mask)
    if len(targets) % len(memory):
        raise ValueError(f"{len(targets)} targets are not a multiple of {len(memory)} memories")
    start = torch.full_like(targets[:, :1], language.start_id)
    states = language.decode_states(torch.cat([start, targets[:, :-1]], 1), memory, memory_mask)
    logits = language.to_logits(states).float()
    return logits.gather(-1, targets[..., None]).squeeze(-1) - logits.logsumexp(-1)
