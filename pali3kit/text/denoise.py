"""UL2's mixture of denoisers (Tay et al. 2023, table 1 and appendix 9.2; paper.md §2.1).

R: short spans, little of the text. X: long spans or much of the text. S: the text goes on (prefix LM).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pali3kit.errors import DataError
from pali3kit.text.tokenizer import EOS, Tokenizer


@dataclass(frozen=True, slots=True)
class Denoiser:
    """One way to corrupt a window.

    `density` is the share of tokens to restore, `mean_span` the mean length of the spans that they form.
    Without `mean_span` one span ends the window (prefix LM); without `density` its start is uniformly random.
    """

    mode: str
    mean_span: float | None = None
    density: float | None = None


# The paper's table gives S a quarter of the window; the code in its appendix splits anywhere. The code is the default.
S_TABLE = Denoiser("S2S", density=0.25)
S_APPENDIX = Denoiser("S2S")
UL2 = (
    Denoiser("NLU", 3, 0.15),
    Denoiser("NLU", 8, 0.15),
    S_APPENDIX,
    Denoiser("NLG", 3, 0.5),
    Denoiser("NLG", 8, 0.5),
    Denoiser("NLG", 64, 0.15),
    Denoiser("NLG", 64, 0.5),
)


class MixtureOfDenoisers:
    """Corrupts each window with one of `denoisers`, all equally likely."""

    def __init__(self, tokenizer: Tokenizer, denoisers: Sequence[Denoiser] = UL2) -> None:
        self.tokenizer, self.denoisers = tokenizer, tuple(denoisers)

    def __call__(self, ids: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets, as `denoise` does."""
        return denoise(ids, self.denoisers[int(rng.integers(len(self.denoisers)))], rng, self.tokenizer)


def denoise(
    ids: np.ndarray, denoiser: Denoiser, rng: np.random.Generator, tokenizer: Tokenizer
) -> tuple[np.ndarray, np.ndarray]:
    """Corrupt one window `[L]`, L >= 2; return int64 inputs and targets of various lengths.

    Inputs start with the mode token; each missing span leaves a sentinel there. Targets are, for each span, its
    sentinel and its tokens, then EOS. Prefix LM needs no sentinel.

    Raises:
        DataError: the window is shorter than two tokens.
    """
    if len(ids) < 2:
        raise DataError(f"a window of {len(ids)} token(s) cannot be split into what is given and what is missing")
    mode = [tokenizer.mode(denoiser.mode)]
    if denoiser.mean_span is None:
        start = _prefix(len(ids), denoiser.density, rng)
        inputs, targets = ids[:start], ids[start:]
    else:
        if denoiser.density is None:
            raise DataError(f"spans of mean length {denoiser.mean_span} need a density")
        noise = span_noise(len(ids), denoiser.density, denoiser.mean_span, rng, tokenizer.sentinels)
        inputs, targets = _leave_sentinels(ids, noise, tokenizer), _leave_sentinels(ids, ~noise, tokenizer)
    return np.concatenate([mode, inputs]).astype(np.int64), np.append(targets, EOS).astype(np.int64)


def _prefix(length: int, density: float | None, rng: np.random.Generator) -> int:
    """Where the suffix starts, at least one token from either end."""
    if density is None:
        return int(rng.integers(1, length))
    return length - _noise_tokens(length, density)


def _noise_tokens(length: int, density: float) -> int:
    return min(max(round(length * density), 1), length - 1)


def span_noise(
    length: int, density: float, mean_span: float, rng: np.random.Generator, most: int | None = None
) -> np.ndarray:
    """T5's random spans: a bool mask `[length]` of the missing tokens; it starts with a kept token and ends missing.

    The number of missing tokens is round(length * density); they fall into round(missing / mean_span) spans, at
    least one, and at most `most`. So in a window too short for spans of `mean_span` (64, say) one span holds all.
    """
    missing = _noise_tokens(length, density)
    spans = max(round(missing / mean_span), 1)
    spans = min(spans, missing, length - missing, most or spans)
    kept_lengths = _partition(length - missing, spans, rng)
    missing_lengths = _partition(missing, spans, rng)
    lengths = np.stack([kept_lengths, missing_lengths], axis=1).ravel()
    noise: np.ndarray = np.repeat(np.arange(2 * spans) % 2 == 1, lengths)
    return noise


def _partition(total: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths `[parts]`, all positive, that sum to `total`; every such list is equally likely."""
    cuts = np.sort(rng.choice(total - 1, size=parts - 1, replace=False)) + 1
    lengths: np.ndarray = np.diff(cuts, prepend=0, append=total)
    return lengths


def _leave_sentinels(ids: np.ndarray, gone: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """Replace each run of `gone` tokens by one sentinel, counted from 0."""
    first = gone & ~np.concatenate([[False], gone[:-1]])
    replaced = np.where(first, tokenizer.sentinel(0) + np.cumsum(first) - 1, ids)
    left: np.ndarray = replaced[first | ~gone]
    return left


def pack(texts: Iterable[Sequence[int]], length: int) -> np.ndarray:
    """Join token lists into one stream and cut it into windows, int64 `[N, length]`; the last part window is dropped.

    Raises:
        DataError: there is not enough text for one window.
    """
    stream = np.fromiter(chain.from_iterable(texts), dtype=np.int64)
    if len(stream) < length:
        raise DataError(f"the text has {len(stream)} tokens: not enough for one window of {length}")
    return stream[: len(stream) // length * length].reshape(-1, length)
