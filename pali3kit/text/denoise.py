"""UL2's mixture of denoisers (Tay et al. 2023, table 1 and appendix 9.2; paper.md §2.1), a batch at a time.

R: short spans and little of the text is missing. X: long spans, or much of the text. S: the end is missing (prefix LM).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pali3kit.errors import DataError
from pali3kit.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Denoiser:
    """One way to corrupt a window.

    `density` is the share of missing tokens, `mean_span` the mean length of the spans that they form. Without
    `mean_span` one span at the end is missing (prefix LM); without `density` its start is uniformly random.
    """

    mode: str
    mean_span: float | None = None
    density: float | None = None


R = (Denoiser("NLU", 3, 0.15), Denoiser("NLU", 8, 0.15))
X = (Denoiser("NLG", 3, 0.5), Denoiser("NLG", 8, 0.5), Denoiser("NLG", 64, 0.15), Denoiser("NLG", 64, 0.5))
# In the paper's table S is a quarter of the window; the code in its appendix, which is the default, splits anywhere.
S_TABLE = Denoiser("S2S", density=0.25)
S_APPENDIX = Denoiser("S2S")
PREFIXES = {"appendix": S_APPENDIX, "table": S_TABLE}
# Span corruption of words, before there are tokens: T5's, which is also UL2's first R.
DENSITY, MEAN_SPAN = 0.15, 3
MOST = 100  # sentinels, as many as every supported tokenizer has


def ul2(prefix: str = "appendix") -> tuple[Denoiser, ...]:
    """UL2's seven denoisers; `prefix` chooses S: `appendix` or `table`."""
    return (*R, PREFIXES[prefix], *X)


class MixtureOfDenoisers:
    """Corrupts each window with one of `denoisers`, chosen uniformly.

    The result depends only on the windows and the state of the generators, so with a generator per row,
    `np.random.default_rng([seed, step, position])`, training can resume at any step, and a rank corrupts its own rows.

    Raises:
        DataError: a denoiser with spans has no density.
    """

    def __init__(self, tokenizer: Tokenizer, denoisers: Sequence[Denoiser]) -> None:
        for one in denoisers:
            if one.mean_span is not None and one.density is None:
                raise DataError(f"spans of mean length {one.mean_span} need a density")
        self.tokenizer, self.denoisers = tokenizer, tuple(denoisers)
        self._modes = np.array([tokenizer.mode(one.mode) for one in denoisers])
        self._sentinels = np.array([tokenizer.sentinel(index) for index in range(tokenizer.sentinels)])

    def __call__(
        self, windows: np.ndarray, rng: np.random.Generator | Sequence[np.random.Generator]
    ) -> dict[str, np.ndarray]:
        """Corrupt windows `[B, L]`, L >= 2, by one generator, or each by its own: then it is the same in any batch.

        Inputs start with the mode token, and have a sentinel in place of each missing span. Targets are the missing
        spans, each after its sentinel, then EOS. Prefix LM has no sentinels.

        Returns:
            `inputs` and `targets`, int64 `[B, longest]`, padded on the right, and `input_mask` and `target_mask`, bool,
            False for padding.

        Raises:
            DataError: the windows are shorter than two tokens.
        """
        rows, length = windows.shape
        if length < 2:
            raise DataError(f"a window of {length} token(s) cannot be split into input and target")
        if isinstance(rng, np.random.Generator):
            chosen, missing = self._draw(rows, length, rng)
        else:
            chosen = np.array([own.integers(len(self.denoisers)) for own in rng])
            denoisers = [self.denoisers[number] for number in chosen]
            drawn = [self._missing(1, length, *pair) for pair in zip(denoisers, rng, strict=True)]
            missing = np.concatenate(drawn)
        marked = np.array([one.mean_span is not None for one in self.denoisers])[chosen, None]
        modes, end = self._modes[chosen, None], np.full((rows, 1), self.tokenizer.eos_id)
        always = np.ones((rows, 1), dtype=bool)
        tokens, remain = self._leave_sentinels(windows, missing, marked)
        inputs, input_mask = self._squeeze(np.hstack([modes, tokens]), np.hstack([always, remain]))
        tokens, remain = self._leave_sentinels(windows, ~missing, marked)
        targets, target_mask = self._squeeze(np.hstack([tokens, end]), np.hstack([remain, always]))
        return {"inputs": inputs, "input_mask": input_mask, "targets": targets, "target_mask": target_mask}

    def _draw(self, rows: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The number of each row's denoiser `[rows]`, and its missing tokens, bool `[rows, length]`."""
        chosen = rng.integers(len(self.denoisers), size=rows)
        missing = np.empty((rows, length), dtype=bool)
        for number, denoiser in enumerate(self.denoisers):
            own = chosen == number
            missing[own] = self._missing(int(own.sum()), length, denoiser, rng)
        return chosen, missing

    def _missing(self, rows: int, length: int, denoiser: Denoiser, rng: np.random.Generator) -> np.ndarray:
        """The missing tokens, bool `[rows, length]`."""
        if denoiser.mean_span is not None and denoiser.density is not None:
            return _span_noise(rows, length, denoiser.density, denoiser.mean_span, rng, len(self._sentinels))
        if denoiser.density is not None:
            starts = np.full(rows, length - _noise_tokens(length, denoiser.density))
        else:
            starts = rng.integers(1, length, size=rows)
        suffix: np.ndarray = np.arange(length) >= starts[:, None]
        return suffix

    def _leave_sentinels(
        self, windows: np.ndarray, gone: np.ndarray, marked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Put a sentinel in place of the first of each run of `gone` tokens, in rows that are `marked`.

        Returns the tokens, and the mask of those that remain.
        """
        first = gone & marked
        first[:, 1:] &= ~gone[:, :-1]
        tokens = windows.copy()
        tokens[first] = self._sentinels[(np.cumsum(first, axis=1) - 1)[first]]
        return tokens, first | ~gone

    def _squeeze(self, tokens: np.ndarray, remain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Move the remaining tokens of each row to the left; int64 ids, and a bool mask that is False for padding."""
        lengths = remain.sum(axis=1)
        mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
        ids = np.full(mask.shape, self.tokenizer.pad_id, dtype=np.int64)
        ids[mask] = tokens[remain]  # both in row-major order, with as many in each row
        return ids, mask


def _span_noise(
    rows: int, length: int, density: float, mean_span: float, rng: np.random.Generator, most: int | None = None
) -> np.ndarray:
    """T5's random spans: the missing tokens, bool `[rows, length]`; the first token is kept and the last is missing.

    round(length * density) tokens are missing, in round(missing / mean_span) spans, but at least one and at most
    `most`. In a window that is too short for spans of `mean_span`, one span has all missing tokens.
    """
    missing = _noise_tokens(length, density)
    spans = max(round(missing / mean_span), 1)
    spans = min(spans, missing, length - missing, most or spans)
    kept_lengths = _partitions(rows, length - missing, spans, rng)
    missing_lengths = _partitions(rows, missing, spans, rng)
    lengths = np.stack([kept_lengths, missing_lengths], axis=2).ravel()
    noise: np.ndarray = np.repeat(np.arange(lengths.size) % 2 == 1, lengths).reshape(rows, length)
    return noise


def _noise_tokens(length: int, density: float) -> int:
    return min(max(round(length * density), 1), length - 1)


def _partitions(rows: int, total: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Random positive lengths `[rows, parts]` that sum to `total`, uniformly distributed over all such rows."""
    places = np.broadcast_to(np.arange(1, total), (rows, total - 1))
    bounds = np.zeros((rows, parts + 1), dtype=np.int64)
    bounds[:, 1:-1] = np.sort(rng.permuted(places, axis=1)[:, : parts - 1], axis=1)
    bounds[:, -1] = total
    lengths: np.ndarray = bounds[:, 1:] - bounds[:, :-1]
    return lengths


def corrupt_spans(text: str, rng: np.random.Generator) -> tuple[str, str] | None:
    """`text` with a sentinel for each missing span, and the spans, each after its sentinel; None for a single word.

    A text without spaces is corrupted by characters instead of words. The first word is never missing.

    >>> corrupt_spans("a cat sits on a red mat", np.random.default_rng(1))
    ('a cat sits on a red <extra_id_0>', '<extra_id_0> mat')
    """
    words, space = (text.split(), " ") if " " in text.strip() else ([*text.strip()], "")
    if len(words) < 2:
        return None
    missing = _span_noise(1, len(words), DENSITY, MEAN_SPAN, rng, MOST)[0]
    kept: list[str] = []
    spans: list[list[str]] = []
    for before, gone, word in zip([False, *missing[:-1]], missing, words, strict=True):
        if gone and not before:
            kept.append(f"<extra_id_{len(spans)}>")
            spans.append([])
        (spans[-1] if gone else kept).append(word)
    target = " ".join(f"<extra_id_{i}> {space.join(span)}" for i, span in enumerate(spans))
    return space.join(kept), target
