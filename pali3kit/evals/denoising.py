"""A language model's loss on held-out text, for each of UL2's three modes.

Every window is corrupted once in each mode, by one of the mode's denoisers; which and how is the same for all models,
so that two of them are compared window by window. Models with different tokenizers have different tokens: their losses
cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pali3kit.errors import DataError, StageError
from pali3kit.language.contract import LanguageModel
from pali3kit.losses.precision import at_least_float32
from pali3kit.losses.text import token_losses
from pali3kit.models.pali import shift_right
from pali3kit.text.denoise import PREFIXES, Denoiser, MixtureOfDenoisers, R, X
from pali3kit.text.tokenizer import Tokenizer

BATCH = 32
SEED = 0  # a test is one test, whatever the seed of the training


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """`value` is the mean of the `modes`, each the mean over its target tokens, in nats; `samples` have one number a
    window, its mean over the modes.
    """

    value: float
    modes: dict[str, float]
    samples: list[float]


def modes(prefix: str) -> dict[str, tuple[Denoiser, ...]]:
    """The denoisers by UL2's name of their mode."""
    return {"R": R, "S": (PREFIXES[prefix],), "X": X}


def held_out_loss(
    language: LanguageModel, tokenizer: Tokenizer, windows: np.ndarray, prefix: str, say: Callable[[int], None]
) -> HeldOutLoss:
    """Measure `language` on windows `[N, L]`. `say` is told how many windows are done, of three times N.

    Raises DataError where there are no windows, StageError where a loss is not finite.
    """
    if not len(windows):
        raise DataError("there is no held-out text to measure a language model on")
    means: dict[str, float] = {}
    samples = np.zeros(len(windows))
    language.eval()
    for turn, (mode, denoisers) in enumerate(modes(prefix).items()):
        rng = np.random.default_rng([SEED, turn])
        batch = MixtureOfDenoisers(tokenizer, denoisers)(windows, rng)
        nats, tokens = np.zeros(len(windows)), batch["target_mask"].sum(axis=1)
        for start in range(0, len(windows), BATCH):
            rows = slice(start, start + BATCH)
            nats[rows] = window_nats(language, {name: torch.from_numpy(each[rows]) for name, each in batch.items()})
            say(turn * len(windows) + min(start + BATCH, len(windows)))
        if not np.isfinite(nats).all():
            raise StageError(f"the loss of mode {mode} is {nats[~np.isfinite(nats)][0]} on some of the held-out text")
        means[mode] = float(nats.sum() / tokens.sum())
        samples += nats / tokens / 3
    return HeldOutLoss(sum(means.values()) / len(means), means, samples.tolist())


@torch.inference_mode()
def window_nats(language: LanguageModel, batch: dict[str, Tensor]) -> np.ndarray:
    """The loss of each window of a batch, summed over its target tokens, in nats, float64 `[B]`."""
    device = next(language.parameters()).device
    inputs, given, targets, asked = (
        batch[name].to(device) for name in ("inputs", "input_mask", "targets", "target_mask")
    )
    memory = language.encode(language.embed(inputs), given)
    states = language.decode_states(shift_right(targets, language.start_id), memory, given)
    losses = torch.zeros(targets.shape, dtype=torch.float64, device=device)
    logits = at_least_float32(language.to_logits(states[asked]))
    losses[asked] = token_losses(logits[None], targets[asked][None], 0.0, 0.0)[0].double()
    nats: np.ndarray = losses.sum(1).cpu().numpy()
    return nats
