import math

import pytest
import torch
from open_clip.loss import SigLipLoss
from torch import Tensor
from torch.nn.functional import logsigmoid

from pali3kit.losses.sigmoid import normalize, sigmoid_loss


def inputs(batch: int, width: int, dtype=torch.float64, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image, text = (torch.randn(batch, width, generator=generator, dtype=torch.float64) * 3 for _ in range(2))
    return [x.to(dtype).requires_grad_() for x in (image, text, torch.tensor(math.log(10.0)), torch.tensor(-2.5))]


def naive(image: Tensor, text: Tensor, log_scale: Tensor, bias: Tensor) -> Tensor:
    x, y = (v / (v.norm(dim=1, keepdim=True) + 1e-8) for v in (image, text))
    m = 2 * torch.eye(len(x), dtype=x.dtype) - 1
    return -logsigmoid(m * (x @ y.T * log_scale.exp() + bias)).sum(1).mean()


def value_and_grads(loss, leaves: list[Tensor]) -> list[Tensor]:
    return [loss.detach(), *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("chunk", [1, 3, 7, 1024])
def test_equals_the_naive_loss_in_value_and_gradients(chunk):
    leaves = inputs(7, 5)
    ours = value_and_grads(sigmoid_loss(*leaves, chunk=chunk), leaves)
    theirs = value_and_grads(naive(*leaves), leaves)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_gradcheck():
    assert torch.autograd.gradcheck(lambda *a: sigmoid_loss(*a, chunk=2), inputs(5, 4))


def test_equals_open_clip():
    image, text, log_scale, bias = leaves = inputs(6, 8)
    theirs = SigLipLoss()(normalize(image), normalize(text), log_scale.exp(), bias)
    for a, b in zip(value_and_grads(sigmoid_loss(*leaves), leaves), value_and_grads(theirs, leaves), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_pairs_and_negatives_at_extreme_logits_stay_finite_and_exact():
    x = torch.eye(3, dtype=torch.float32, requires_grad=True)
    loss = sigmoid_loss(x, x, torch.tensor(math.log(300.0)), torch.tensor(-100.0))
    loss.backward()
    assert loss.item() < 1e-30 and torch.isfinite(x.grad).all()
    loss = sigmoid_loss(x, -x, torch.tensor(math.log(300.0)), torch.tensor(0.0))
    assert loss.item() == pytest.approx(300 + 2 * math.log(2), rel=1e-6)


def test_bf16_inputs_are_summed_in_fp32():
    leaves = inputs(512, 16, torch.bfloat16)
    loss = sigmoid_loss(*leaves)
    exact = naive(*(x.double() for x in leaves))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)
    loss.backward()
    assert all(x.grad.dtype == torch.bfloat16 for x in leaves)


def test_autocast_does_not_lower_the_precision():
    leaves = inputs(32, 16, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = sigmoid_loss(*leaves)
    torch.testing.assert_close(loss, sigmoid_loss(*leaves), rtol=1e-7, atol=0)


def test_saved_memory_is_linear_in_the_batch():
    batch, width = 512, 16
    leaves, saved = inputs(batch, width, torch.float32), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.nbytes), lambda t: t):
        sigmoid_loss(*leaves, chunk=64)
    assert sum(saved) < 12 * batch * width * 4  # the logits alone would be 32 times batch * width * 4
    assert max(saved) <= batch * width * 4


def test_nothing_is_saved_without_gradients():
    leaves = [x.detach() for x in inputs(8, 4)]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: pytest.fail("saved"), lambda t: t):
        loss = sigmoid_loss(*leaves)
    torch.testing.assert_close(loss, naive(*leaves))


def test_second_derivatives_are_refused():
    leaves = inputs(3, 4)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(sigmoid_loss(*leaves), leaves, create_graph=True)


def test_unpaired_batches_are_refused():
    image, text, *scalars = inputs(3, 4)
    with pytest.raises(ValueError, match=r"images \[3, 4\], texts \[2, 4\]"):
        sigmoid_loss(image, text[:2], *scalars)


def test_nothing_depends_on_numbers_so_that_the_host_never_waits_for_a_gpu():
    """Indices by a mask, and `item`, are refused on the meta device, whose tensors have no numbers."""
    leaves = [x.detach().to("meta").requires_grad_() for x in inputs(6, 4)]
    value_and_grads(sigmoid_loss(*leaves, chunk=4), leaves)
