"""Token cross-entropy with label smoothing and z-loss, weighted by tokens."""

from __future__ import annotations

from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.nn.precision import at_least_float32


def text_loss(
    logits: Tensor, targets: Tensor, mask: Tensor, label_smoothing: float = 0.0, z_loss: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy over the unmasked tokens of the batch.

    To accumulate over several batches, weight each mean by its number of tokens: the mean of means is another loss.

    Args:
        logits: [B,T,V]; half precision is computed in float32.
        targets: [B,T] token ids; any valid id where `mask` is 0.
        mask: [B,T], 1 or True where a token counts.
        label_smoothing: probability spread over the V-1 wrong tokens, as in T5X and big_vision (in torch over all V).
        z_loss: weight of log(Z)^2, which keeps the logits' normaliser near 1 (T5X uses 1e-4).

    Returns:
        The loss and the number of tokens in it, both scalars.

    Raises:
        DataError: a sample has no unmasked token.
    """
    mask = mask.bool()
    empty = (~mask.any(1)).nonzero().flatten()
    if len(empty):
        raise DataError(
            f"No target token of sample {', '.join(map(str, empty.tolist()))} of this batch of {len(mask)} counts, so "
            "that its loss would silently be 0. Is its target empty, or cut off by the sequence length?"
        )
    losses = token_losses(at_least_float32(logits), targets, label_smoothing, z_loss)
    tokens = mask.sum()
    return losses.masked_fill(~mask, 0.0).sum() / tokens, tokens


def token_losses(logits: Tensor, targets: Tensor, label_smoothing: float, z_loss: float) -> Tensor:
    """Loss of each token, [B,T], from `logits` [B,T,V] and `targets` [B,T]."""
    log_z = logits.logsumexp(-1)
    losses = log_z - logits.gather(-1, targets[..., None]).squeeze(-1)
    if label_smoothing:
        wrong = logits.shape[-1] - 1
        wrong_losses = (wrong + 1) * log_z - logits.sum(-1) - losses
        losses = (1 - label_smoothing) * losses + label_smoothing / wrong * wrong_losses
    return losses + z_loss * log_z.square() if z_loss else losses
