"""The sigmoid loss over all ranks, without gathering: texts travel around a ring (Zhai et al. 2023, §3.3).

Every rank keeps its images. In each of W steps it meets one rank's texts, adds that block's loss and gradients
(`losses/sigmoid.py`), and hands texts and the sum of their gradients on to its neighbour, so that after W steps the
gradients are home and complete. Memory is O(B D / W) a rank, for texts, gradients and what is saved for backward.

In contrast to a differentiable gather, communication happens in forward only: backward is local.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from pali3kit.losses.precision import at_least_float32
from pali3kit.losses.sigmoid import Context, add_block, normalize, saved_gradients
from pali3kit.nn.precision import without_autocast


def ring_sigmoid_loss(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor,
    bias: Tensor,
    *,
    group: dist.ProcessGroup | None = None,
    chunk: int = 1024,
) -> Tensor:
    """`sigmoid_loss` of the images of this rank with the texts of all ranks, divided by this rank's images.

    The mean over ranks is `sigmoid_loss` of the whole batch. So is its gradient, once parameters' gradients are
    averaged over ranks, as DDP and FSDP do: the gradient of `text` holds what all ranks' losses ask of these texts.

    Args:
        image: [B/W,D], as `sigmoid_loss` takes them; each rank has as many.
        text: [B/W,D].
        log_scale: scalar, equal on all ranks.
        bias: scalar, equal on all ranks.
        group: the ranks of the ring; None takes all.
        chunk: images whose logits exist at a time.

    Raises:
        ValueError: `image` and `text` differ in shape.
        RuntimeError: on double backward.
    """
    if image.shape != text.shape:
        raise ValueError(f"Pairs need one text for each image: images {[*image.shape]}, texts {[*text.shape]}.")
    scale = at_least_float32(log_scale).exp()
    x, y = normalize(image), normalize(text)
    loss: Tensor = _Ring.apply(x, y, scale, at_least_float32(bias), group, chunk)
    return loss


class _Ring(torch.autograd.Function):
    """Inputs image [b,D], text [b,D], scale, bias, group, chunk; output the scalar loss."""

    @staticmethod
    def forward(
        ctx: Context, x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, group: dist.ProcessGroup | None, chunk: int
    ) -> Tensor:
        ctx.dtypes = x.dtype, y.dtype, scale.dtype, bias.dtype
        s, b = scale.to(x.dtype), bias.to(x.dtype)
        d_x, d_y, d_scale, d_bias = map(torch.zeros_like, (x, y, s, b))
        loss = torch.zeros_like(s)
        with without_autocast(x):
            for step in range(dist.get_world_size(group)):
                first = 0 if step == 0 else None
                loss += add_block(x, y, s, b, first, chunk, (d_x, d_y, d_scale, d_bias))
                y, d_y = _pass_on(torch.stack([y, d_y]), group)
        ctx.save_for_backward(*(grad / len(x) for grad in (d_x, d_y, d_scale, d_bias)))
        return loss / len(x)

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return (*saved_gradients(ctx, *grad_outputs), None, None)


def _pass_on(tensor: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """Send `tensor` to the next rank of the ring and return the one that the previous rank sent."""
    rank, ranks = dist.get_rank(group), dist.get_world_size(group)
    if ranks == 1:
        return tensor
    received = torch.empty_like(tensor)
    operations = [
        dist.P2POp(dist.isend, tensor.contiguous(), group=group, group_peer=(rank + 1) % ranks),
        dist.P2POp(dist.irecv, received, group=group, group_peer=(rank - 1) % ranks),
    ]
    for request in dist.batch_isend_irecv(operations):
        request.wait()
    return received
