"""The sigmoid loss of SigLIP (Zhai et al. 2023, arXiv 2303.15343), on one device and over all ranks.

With unit vectors x_i (images) and y_j (texts), s = exp(log_scale), m_ij = +1 for a pair and -1 otherwise:

    z_ij = s x_i.y_j + bias        loss = 1/B  sum_ij  -log sigmoid(m_ij z_ij)

so dloss/dz_ij = -m_ij sigmoid(-m_ij z_ij) / B depends on z_ij alone. Forward therefore accumulates the gradients along
with the loss, a chunk of images at a time, and the [B,B] logits are not kept for backward: O(B D) is saved, and O(chunk
B) is the peak of temporary memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias
from weakref import WeakKeyDictionary

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import softplus

from pali3kit.nn.precision import at_least_float32, without_autocast

# torch 2.14 renamed both collectives; older versions have the second name alone.
_all_gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
_reduce_scatter = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor
_Grads: TypeAlias = tuple[Tensor, ...]  # of images, texts, scale and bias, to be added to; () where none are needed


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
    return _loss(image, text, log_scale, bias, partial(_block_loss, first_pair=0, chunk=chunk))


def gathered_sigmoid_loss(
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

    The normalised texts are gathered by one collective, and their gradients return to their owners by another, a
    reduce-scatter. Both happen in forward, unlike those of a differentiable gather. Temporary memory is O(B D) and the
    logits [chunk,B]; O(B D / W) is saved for backward. With B = 32,768 and D = 1,664 each collective moves 218 MB.

    Args:
        image: [B/W,D], as for `sigmoid_loss`; every rank has as many.
        text: [B/W,D].
        log_scale: scalar, equal on all ranks.
        bias: scalar, equal on all ranks.
        group: W ranks; None takes all.
        chunk: images whose logits [chunk,B] exist at a time.

    Raises:
        ValueError: `image` and `text` differ in shape, or ranks do, which is checked by a small collective when a rank
            meets a shape for the first time.
        RuntimeError: on double backward.
    """
    return _loss_over_ranks(image, text, log_scale, bias, _gathered_loss, group, chunk)


def ring_sigmoid_loss(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor,
    bias: Tensor,
    *,
    group: dist.ProcessGroup | None = None,
    chunk: int = 1024,
) -> Tensor:
    """`gathered_sigmoid_loss` without a gather, for batches whose texts, B x D, do not fit on every rank.

    Each rank keeps its images, and texts travel around a ring (Zhai et al. 2023, §3.3): in each of W steps a rank adds
    the loss and gradients of the block with one rank's texts, then sends these texts and the sum of their gradients to
    its neighbour. After W steps the gradients are back at their owner and complete. Memory is O(B D / W) per rank, the
    logits are [chunk,B/W], and the W steps follow one another: with many ranks they take longer than two collectives.
    Arguments and errors are those of `gathered_sigmoid_loss`.
    """
    return _loss_over_ranks(image, text, log_scale, bias, _ring_loss, group, chunk)


def _loss_over_ranks(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor,
    bias: Tensor,
    add: Callable[..., Tensor],
    group: dist.ProcessGroup | None,
    chunk: int,
) -> Tensor:
    _check_pairs(image, text)
    _check_ranks(image, group)
    return _loss(image, text, log_scale, bias, partial(add, group=group, chunk=chunk))


def _loss(image: Tensor, text: Tensor, log_scale: Tensor, bias: Tensor, add: Callable[..., Tensor]) -> Tensor:
    _check_pairs(image, text)
    scale, shift = at_least_float32(log_scale).exp(), at_least_float32(bias)
    loss: Tensor = _SigmoidLoss.apply(normalize(image), normalize(text), scale, shift, add)
    return loss


def _check_pairs(image: Tensor, text: Tensor) -> None:
    if image.shape != text.shape:
        raise ValueError(f"Pairs need one text for each image: images {[*image.shape]}, texts {[*text.shape]}.")


_EQUAL_SHAPES: WeakKeyDictionary[dist.ProcessGroup, set[torch.Size]] = WeakKeyDictionary()


def _check_ranks(image: Tensor, group: dist.ProcessGroup | None) -> None:
    """Raise ValueError on all ranks unless they have equal shapes. The host waits for it, so a shape is checked once.

    Ranks that pass remember the same shapes, so that later they check or skip together.
    """
    group = group or dist.group.WORLD
    assert group is not None  # the default group is initialised
    known = _EQUAL_SHAPES.setdefault(group, set())
    if image.shape in known:
        return
    mine = torch.tensor([*image.shape], device=image.device)
    found = mine.new_empty(dist.get_world_size(group) * len(mine))
    _all_gather(found, mine, group=group)
    shapes = found.view(-1, len(mine)).tolist()
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"Every rank needs as many pairs of one width: images are {', '.join(map(str, shapes))}.")
    known.add(image.shape)


def _chunk_loss(x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, grads: _Grads, first_pair: int | None) -> Tensor:
    """Summed loss of images x [b,D] with texts y [T,D]; adds its gradients to `grads`.

    Image i belongs to text `first_pair + i`; None: no image has its text here.
    """
    signed = torch.addmm(bias, x * scale, y.T)  # z, then -m z: each entry's loss is softplus(-m z)
    _negate_pairs(signed, first_pair)
    loss = softplus(signed).sum()
    if grads:
        slope = signed.sigmoid_()
        _negate_pairs(slope, first_pair)  # d loss / d z
        d_x, d_y, d_scale, d_bias = grads
        toward = slope @ y  # d loss / d (scale x), which also gives the gradient of the scale
        d_x += toward * scale
        d_y += slope.T @ (x * scale)
        d_scale += (toward * x).sum()
        d_bias += slope.sum()
    return loss


def _negate_pairs(logits: Tensor, first_pair: int | None) -> None:
    """Negate the entries [i, first_pair + i] in place. Indices by a mask would make the host wait for the device."""
    if first_pair is not None:
        logits.diagonal(first_pair).neg_()


def _block_loss(
    x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, grads: _Grads, first_pair: int | None, chunk: int
) -> Tensor:
    """`_chunk_loss` of any number of images, a chunk at a time."""
    loss = torch.zeros_like(scale)
    for start in range(0, len(x), chunk):
        images = slice(start, start + chunk)
        first = None if first_pair is None else first_pair + start
        loss += _chunk_loss(x[images], y, scale, bias, (grads[0][images], *grads[1:]) if grads else (), first)
    return loss


def _gathered_loss(
    x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, grads: _Grads, group: dist.ProcessGroup | None, chunk: int
) -> Tensor:
    """The loss of images x [b,D] with the texts of all ranks; `grads` as in `_chunk_loss`."""
    texts = y.new_empty(dist.get_world_size(group) * len(y), y.shape[1])
    _all_gather(texts, y.contiguous(), group=group)
    own = dist.get_rank(group) * len(y)
    if not grads:
        return _block_loss(x, texts, scale, bias, (), own, chunk)
    d_x, d_y, *d_scalars = grads
    d_texts = torch.zeros_like(texts)
    loss = _block_loss(x, texts, scale, bias, (d_x, d_texts, *d_scalars), own, chunk)
    _reduce_scatter(d_y, d_texts, group=group)
    return loss


def _ring_loss(
    x: Tensor, y: Tensor, scale: Tensor, bias: Tensor, grads: _Grads, group: dist.ProcessGroup | None, chunk: int
) -> Tensor:
    """`_gathered_loss` without a gather."""
    loss, travelling = torch.zeros_like(scale), torch.stack([y, *grads[1:2]])
    for step in range(dist.get_world_size(group)):
        some = (grads[0], travelling[1], *grads[2:]) if grads else ()
        loss += _block_loss(x, travelling[0], scale, bias, some, None if step else 0, chunk)
        travelling = _pass_on(travelling, group)
    if grads:
        grads[1].copy_(travelling[1])
    return loss


class _Context(Protocol):
    """The autograd context of a loss whose gradient is computed in forward."""

    dtypes: tuple[torch.dtype, ...]
    needs_input_grad: tuple[bool, ...]

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _SigmoidLoss(torch.autograd.Function):
    """Inputs image [B,D], text [B,D], scale, bias; output the scalar loss. `add` returns the summed loss and adds its
    gradients to the tensors that it is given, if any.
    """

    @staticmethod
    def forward(
        ctx: _Context, image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, add: Callable[..., Tensor]
    ) -> Tensor:
        ctx.dtypes = image.dtype, text.dtype, scale.dtype, bias.dtype
        with without_autocast(image):
            s, b = scale.to(image.dtype), bias.to(image.dtype)
            grads = tuple(map(torch.zeros_like, (image, text, s, b))) if any(ctx.needs_input_grad) else ()
            loss = add(image, text, s, b, grads)
            ctx.save_for_backward(*(g.div_(len(image)) for g in grads))
        return loss / len(image)

    @staticmethod
    def backward(ctx: _Context, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return (*_saved_gradients(ctx, *grad_outputs), None)


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
