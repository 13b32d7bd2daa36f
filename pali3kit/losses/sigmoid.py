"""The sigmoid loss of SigLIP (Zhai et al. 2023, arXiv 2303.15343), with its gradient in closed form.

With unit vectors x_i (images) and y_j (texts), s = exp(log_scale), m_ij = +1 for a pair and -1 otherwise:

    z_ij = s x_i.y_j + bias        loss = 1/B  sum_ij  -log sigmoid(m_ij z_ij)

so dloss/dz_ij = -m_ij sigmoid(-m_ij z_ij) / B, which needs nothing but z_ij itself. The gradients are therefore summed
while the loss is, a chunk of images at a time, and the [B,B] logits are never kept for backward: what is saved is
O(B D), and the transient memory is O(chunk B).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pali3kit.losses.precision import at_least_float32
from pali3kit.nn.precision import without_autocast


def normalize(x: Tensor) -> Tensor:
    """`x / (|x| + 1e-8)` over the last axis, as in big_vision's two towers; float32 for half-precision input."""
    x = at_least_float32(x)
    unit: Tensor = x / (x.norm(dim=-1, keepdim=True) + 1e-8)
    return unit


def sigmoid_loss(image: Tensor, text: Tensor, log_scale: Tensor, bias: Tensor, *, chunk: int = 1024) -> Tensor:
    """Sum of the sigmoid losses of all image-text pairs, divided by the number of images (not by B^2).

    Args:
        image: embeddings [B,D] of any length: they are normalised here (again does no harm).
        text: embeddings [B,D]; row i belongs to image i.
        log_scale: scalar t', the logits are scaled by exp(t').
        bias: scalar.
        chunk: images whose logits [chunk,B] exist at a time; it changes memory and speed, not the result.

    Returns:
        Scalar; float32 for bf16, fp16 and float32 inputs, float64 for float64.

    Raises:
        ValueError: `image` and `text` differ in shape.
        RuntimeError: on double backward, which is not supported.
    """
    if image.shape != text.shape:
        raise ValueError(f"Pairs need one text for each image: images {[*image.shape]}, texts {[*text.shape]}.")
    scale, shift = at_least_float32(log_scale).exp(), at_least_float32(bias)
    loss: Tensor = _SigmoidLoss.apply(normalize(image), normalize(text), scale, shift, chunk)
    return loss


def _pair_sums(
    x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, first_pair: int | None, grads: tuple[Tensor, ...]
) -> Tensor:
    """Loss summed over the block x [b,D], y [T,D]; adds its gradients to `grads`, if any, of the four tensors."""
    signed = torch.addmm(bias, x * scale, y.T)  # becomes -m z: each entry's loss is softplus of it
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
        toward = slope @ y  # d loss / d (scale x), from which the scale's own gradient follows without the logits
        d_x += toward * scale
        d_y += slope.T @ (x * scale)
        d_scale += (toward * x).sum()
        d_bias += slope.sum()
    return loss


def add_block(
    x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, first_pair: int | None, chunk: int, grads: tuple[Tensor, ...]
) -> Tensor:
    """Loss summed over a block of any size, a chunk of images at a time; adds its gradients to `grads`, if any."""
    loss = torch.zeros_like(scale)
    for start in range(0, len(x), chunk):
        images = slice(start, start + chunk)
        first = None if first_pair is None else first_pair + start
        loss += _pair_sums(x[images], y, scale, bias, first, (grads[0][images], *grads[1:]) if grads else ())
    return loss


class Context(Protocol):
    """Of a loss whose gradient is computed in forward: what that leaves to backward."""

    dtypes: tuple[torch.dtype, ...]
    needs_input_grad: tuple[bool, ...]

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _SigmoidLoss(torch.autograd.Function):
    """Inputs image [B,D], text [B,D], scale, bias, chunk; output the scalar loss."""

    @staticmethod
    def forward(ctx: Context, image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, chunk: int) -> Tensor:
        ctx.dtypes = image.dtype, text.dtype, scale.dtype, bias.dtype
        with without_autocast(image):
            s, b = scale.to(image.dtype), bias.to(image.dtype)
            grads = tuple(map(torch.zeros_like, (image, text, s, b))) if any(ctx.needs_input_grad) else ()
            loss = add_block(image, text, s, b, 0, chunk, grads)
            ctx.save_for_backward(*(g.div_(len(image)) for g in grads))
        return loss / len(image)

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return (*saved_gradients(ctx, *grad_outputs), None)


def saved_gradients(ctx: Context, grad: Tensor) -> list[Tensor]:
    """The gradients that forward saved, times what came from above, in the inputs' own dtypes (`ctx.dtypes`)."""
    if torch.is_grad_enabled():  # true only when create_graph=True asks for a graph of this backward
        raise RuntimeError(
            "sigmoid_loss has no second derivative: its gradient is computed in forward. Use create_graph=False, "
            "or write the loss with torch.nn.functional.logsigmoid where a double backward is needed."
        )
    return [(grad * g).to(dtype) for g, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)]
