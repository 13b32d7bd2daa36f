"""A language model's loss on held-out text, for each of UL2's three modes.

Every window is corrupted once per mode, by one of the mode's denoisers. The corruptions do not depend on the model, so
two models can be compared window by window, unless their tokenizers differ: a loss per token is then no common unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

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

Batch = tuple[str, slice]
"""A mode and some windows."""
Map = Callable[[Callable[[Batch], np.ndarray], Sequence[Batch]], Iterable[np.ndarray]]
BATCH = 32  # windows
LOGITS = (
    1 << 31
)  # of a batch: 8.6 GB in fp32, and as much while the loss is computed; 16 windows of 512 in 250,000 words
SEED = 0  # the test set does not depend on the seed of the training


def _denoisers_by_mode(prefix: str) -> dict[str, tuple[Denoiser, ...]]:
    return {"R": R, "S": (PREFIXES[prefix],), "X": X}


def held_out_loss(
    language: LanguageModel,
    tokenizer: Tokenizer,
    windows: np.ndarray,
    prefix: str,
    report: Callable[[int], None],
    over: Map = map,
) -> EvalResult:
    """The loss of `language` on windows `[N, L]`, in nats per target token.

    The value is the mean over modes, each a mean over its target tokens, which `extra` holds by mode; a sample is one
    window's mean over the modes. `report` is called with the number of finished windows, 3 N in all. `over` maps
    batches to their losses; where it yields none, as in all ranks but one, the result means nothing.

    Raises DataError where there are no windows, StageError where a loss is not finite.
    """
    if not len(windows):
        raise DataError("there is no held-out text to measure a language model on")
    language.eval()
    corrupted = {
        mode: MixtureOfDenoisers(tokenizer, denoisers)(windows, np.random.default_rng([SEED, number]))
        for number, (mode, denoisers) in enumerate(_denoisers_by_mode(prefix).items())
    }
    size = _batch(windows.shape[1], language.vocabulary)
    batches = [(mode, slice(start, start + size)) for mode in corrupted for start in range(0, len(windows), size)]

    def measure(batch: Batch) -> np.ndarray:
        mode, rows = batch
        return window_nats(language, {name: torch.from_numpy(each[rows]) for name, each in corrupted[mode].items()})

    nats = {mode: np.zeros(len(windows)) for mode in corrupted}
    done = 0
    for (mode, rows), found in zip(batches, over(measure, batches), strict=False):
        nats[mode][rows] = found
        done += len(found)
        report(done)
    return _result(nats, {mode: batch["target_mask"].sum(axis=1) for mode, batch in corrupted.items()})


def _batch(length: int, vocabulary: int) -> int:
    """How many windows are measured at once: the logits of all their tokens are `LOGITS` numbers at most."""
    return max(1, min(BATCH, LOGITS // (length * vocabulary)))


def _result(nats: Mapping[str, np.ndarray], tokens: Mapping[str, np.ndarray]) -> EvalResult:
    """The result for the losses and the numbers of target tokens of all windows, `[N]`, by mode."""
    means: dict[str, float] = {}
    samples = np.zeros(len(next(iter(nats.values()))))
    for mode, losses in nats.items():
        if not np.isfinite(losses).all():
            wrong = losses[~np.isfinite(losses)][0]
            raise StageError(f"the loss of mode {mode} is {wrong} on some of the held-out text")
        means[mode] = float(losses.sum() / tokens[mode].sum())
        samples += losses / tokens[mode] / 3
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
