"""The sigmoid loss of SigLIP (Zhai et al. 2023, arXiv 2303.15343), on one device and over all ranks.

With unit vectors x_i (images) and y_j (texts), s = exp(log_scale), m_ij = +1 for a pair and -1 otherwise:

    z_ij = s x_i.y_j + bias        loss = 1/B  sum_ij  -log sigmoid(m_ij z_ij)

so dloss/dz_ij = -m_ij sigmoid(-m_ij z_ij) / B depends on z_ij alone. Forward therefore accumulates the gradients along
with the loss, a chunk of images at a time, and the [B,B] logits are not kept for backward: O(B D) is saved, and O(chunk
B) is the peak of temporary memory.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import softplus

from pali3kit.nn.precision import at_least_float32, without_autocast


def normalize(x: Tensor) -> Tensor:
    """`x / (|x| + 1e-8)` over the last axis, as in big_vision's two towers; float32 for half-precision input."""
    x = at_least_float32(x)
    unit: Tensor = x / (x.norm(dim=-1, keepdim=True) + 1e-8)
    return unit


def sigmoid_loss(image: Tensor, text: Tensor, log_scale: Tensor, bias: Tensor, *, chunk: int = 1024) -> Tensor:
    """Sum of the sigmoid losses of all image-text pairs, divided by the number of images (not by B^2).

    Args:
        image: embeddings [B,D] of any norm: they are normalised here.
        text: embeddings [B,D]; row i belongs to image i.
        log_scale: scalar t'; the logits are scaled by exp(t').
        bias: scalar.
        chunk: images whose logits [chunk,B] exist at a time; it changes memory and speed, not the result.

    Returns:
        Scalar; float32 for bf16, fp16 and float32 inputs, float64 for float64.

    Raises:
        ValueError: `image` and `text` differ in shape.
        RuntimeError: on double backward, which is not supported.
    """
    _check_pairs(image, text)
    scale, shift = at_least_float32(log_scale).exp(), at_least_float32(bias)
    loss: Tensor = _SigmoidLoss.apply(normalize(image), normalize(text), scale, shift, chunk)
    return loss


def ring_sigmoid_loss(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor,
    bias: Tensor,
    *,
    group: dist.ProcessGroup | None = None,
    chunk: int = 1024,
) -> Tensor:
    """`sigmoid_loss` of this rank's images with the texts of all ranks, divided by this rank's number of images.

    The mean over ranks is `sigmoid_loss` of the whole batch, and so is its gradient, once parameters' gradients are
    averaged over ranks as DDP and FSDP do: the gradient of `text` holds the contributions of all ranks' losses.

    Nothing is gathered (Zhai et al. 2023, §3.3). Each rank keeps its images, and texts travel around a ring: in each of
    W steps a rank adds the loss and gradients of the block with one rank's texts, then sends these texts and the sum of
    their gradients to its neighbour. After W steps the gradients are back at their owner and complete. Memory is
    O(B D / W) per rank. Communication happens in forward only, unlike in a differentiable gather.

    Args:
        image: [B/W,D], as for `sigmoid_loss`; every rank has as many.
        text: [B/W,D].
        log_scale: scalar, equal on all ranks.
        bias: scalar, equal on all ranks.
        group: the ranks of the ring; None takes all.
        chunk: images whose logits exist at a time.

    Raises:
        ValueError: `image` and `text` differ in shape.
        RuntimeError: on double backward.
    """
    _check_pairs(image, text)
    scale, shift = at_least_float32(log_scale).exp(), at_least_float32(bias)
    loss: Tensor = _RingSigmoidLoss.apply(normalize(image), normalize(text), scale, shift, group, chunk)
    return loss


def _check_pairs(image: Tensor, text: Tensor) -> None:
    if image.shape != text.shape:
        raise ValueError(f"Pairs need one text for each image: images {[*image.shape]}, texts {[*text.shape]}.")


def _chunk_loss(
    x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, first_pair: int | None, grads: tuple[Tensor, ...]
) -> Tensor:
    """Summed loss of images x [b,D] with texts y [T,D]; adds the gradients of the four tensors to `grads`, if any.

    Image i belongs to text `first_pair + i`; None: no image has its text here.
    """
    signed = torch.addmm(bias, x * scale, y.T)  # z, then -m z: each entry's loss is softplus(-m z)
    rows = torch.arange(len(x), device=x.device)
    columns = rows + (len(y) if first_pair is None else first_pair)
    pair = (columns >= 0) & (columns < len(y))
    rows, columns = rows[pair], columns[pair]
    signed[rows, columns] *= -1
    loss = softplus(signed).sum()
    if grads:
        slope = signed.sigmoid_()
        slope[rows, columns] *= -1  # d loss / d z
        d_x, d_y, d_scale, d_bias = grads
        toward = slope @ y  # d loss / d (scale x), which also gives the gradient of the scale
        d_x += toward * scale
        d_y += slope.T @ (x * scale)
        d_scale += (toward * x).sum()
        d_bias += slope.sum()
    return loss


def _block_loss(
    x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, first_pair: int | None, chunk: int, grads: tuple[Tensor, ...]
) -> Tensor:
    """`_chunk_loss` of any number of images, a chunk at a time."""
    loss = torch.zeros_like(scale)
    for start in range(0, len(x), chunk):
        images = slice(start, start + chunk)
        first = None if first_pair is None else first_pair + start
        loss += _chunk_loss(x[images], y, scale, bias, first, (grads[0][images], *grads[1:]) if grads else ())
    return loss


class _Context(Protocol):
    """The autograd context of a loss whose gradient is computed in forward."""

    dtypes: tuple[torch.dtype, ...]
    needs_input_grad: tuple[bool, ...]

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _SigmoidLoss(torch.autograd.Function):
    """Inputs image [B,D], text [B,D], scale, bias, chunk; output the scalar loss."""

    @staticmethod
    def forward(ctx: _Context, image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, chunk: int) -> Tensor:
        ctx.dtypes = image.dtype, text.dtype, scale.dtype, bias.dtype
        with without_autocast(image):
            s, b = scale.to(image.dtype), bias.to(image.dtype)
            grads = tuple(map(torch.zeros_like, (image, text, s, b))) if any(ctx.needs_input_grad) else ()
            loss = _block_loss(image, text, s, b, 0, chunk, grads)
            ctx.save_for_backward(*(g.div_(len(image)) for g in grads))
        return loss / len(image)

    @staticmethod
    def backward(ctx: _Context, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return (*_saved_gradients(ctx, *grad_outputs), None)


class _RingSigmoidLoss(torch.autograd.Function):
    """Inputs image [b,D], text [b,D], scale, bias, group, chunk; output the scalar loss."""

    @staticmethod
    def forward(
        ctx: _Context, x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, group: dist.ProcessGroup | None, chunk: int
    ) -> Tensor:
        ctx.dtypes = x.dtype, y.dtype, scale.dtype, bias.dtype
        s, b = scale.to(x.dtype), bias.to(x.dtype)
        d_x, d_y, d_scale, d_bias = map(torch.zeros_like, (x, y, s, b))
        loss = torch.zeros_like(s)
        with without_autocast(x):
            for step in range(dist.get_world_size(group)):
                first_pair = 0 if step == 0 else None
                loss += _block_loss(x, y, s, b, first_pair, chunk, (d_x, d_y, d_scale, d_bias))
                y, d_y = _pass_on(torch.stack([y, d_y]), group)
        ctx.save_for_backward(*(grad / len(x) for grad in (d_x, d_y, d_scale, d_bias)))
        return loss / len(x)

    @staticmethod
    def backward(ctx: _Context, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return (*_saved_gradients(ctx, *grad_outputs), None, None)


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


def _saved_gradients(ctx: _Context, grad: Tensor) -> list[Tensor]:
    """The gradients that forward saved, times the incoming gradient, in the inputs' own dtypes (`ctx.dtypes`)."""
    if torch.is_grad_enabled():  # true only when create_graph=True asks for a graph of this backward
        raise RuntimeError(
            "sigmoid_loss has no second derivative: its gradient is computed in forward. Use create_graph=False, "
            "or write the loss with torch.nn.functional.logsigmoid where a double backward is needed."
        )
    return [(grad * g).to(dtype) for g, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)]
