"""A language model's loss on held-out text, for each of UL2's three modes.

Every window is corrupted once per mode, by one of the mode's denoisers. The corruptions do not depend on the model, so
two models can be compared window by window, unless their tokenizers differ: a loss per token is then no common unit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pali3kit.errors import DataError, StageError
from pali3kit.evals.scores import EvalResult
from pali3kit.language.contract import LanguageModel
from pali3kit.losses.text import token_losses
from pali3kit.models.pali import shift_right
from pali3kit.nn.precision import at_least_float32
from pali3kit.text.denoise import PREFIXES, Denoiser, MixtureOfDenoisers, R, X
from pali3kit.text.tokenizer import Tokenizer

BATCH = 32
SEED = 0  # the test set does not depend on the seed of the training


def _denoisers_by_mode(prefix: str) -> dict[str, tuple[Denoiser, ...]]:
    return {"R": R, "S": (PREFIXES[prefix],), "X": X}


def held_out_loss(
    language: LanguageModel, tokenizer: Tokenizer, windows: np.ndarray, prefix: str, report: Callable[[int], None]
) -> EvalResult:
    """The loss of `language` on windows `[N, L]`, in nats per target token.

    The value is the mean over modes, each a mean over its target tokens, which `extra` holds by mode; a sample is one
    window's mean over the modes. `report` is called with the number of finished windows, 3 N in all.

    Raises DataError where there are no windows, StageError where a loss is not finite.
    """
    if not len(windows):
        raise DataError("there is no held-out text to measure a language model on")
    means: dict[str, float] = {}
    samples = np.zeros(len(windows))
    language.eval()
    for number, (mode, denoisers) in enumerate(_denoisers_by_mode(prefix).items()):
        rng = np.random.default_rng([SEED, number])
        batch = MixtureOfDenoisers(tokenizer, denoisers)(windows, rng)
        nats, tokens = np.zeros(len(windows)), batch["target_mask"].sum(axis=1)
        for start in range(0, len(windows), BATCH):
            rows = slice(start, start + BATCH)
            nats[rows] = window_nats(language, {name: torch.from_numpy(each[rows]) for name, each in batch.items()})
            report(number * len(windows) + min(start + BATCH, len(windows)))
        if not np.isfinite(nats).all():
            raise StageError(f"the loss of mode {mode} is {nats[~np.isfinite(nats)][0]} on some of the held-out text")
        means[mode] = float(nats.sum() / tokens.sum())
        samples += nats / tokens / 3
    return EvalResult(sum(means.values()) / len(means), samples.tolist(), extra=means)


@torch.inference_mode()
def window_nats(language: LanguageModel, batch: dict[str, Tensor]) -> np.ndarray:
    """The loss of each window of a batch, summed over its target tokens, in nats, float64 `[B]`."""
    device = next(language.parameters()).device
    inputs, input_mask, targets, target_mask = (
        batch[name].to(device) for name in ("inputs", "input_mask", "targets", "target_mask")
    )
    memory = language.encode(language.embed(inputs), input_mask)
    states = language.decode_states(shift_right(targets, language.start_id), memory, input_mask)
    losses = torch.zeros(targets.shape, dtype=torch.float64, device=device)
    logits = at_least_float32(language.to_logits(states[target_mask]))
    losses[target_mask] = token_losses(logits[None], targets[target_mask][None], 0.0, 0.0)[0].double()
    nats: np.ndarray = losses.sum(1).cpu().numpy()
    return nats
