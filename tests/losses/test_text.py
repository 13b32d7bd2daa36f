import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax, one_hot

from pali3kit.errors import DataError
from pali3kit.losses.text import text_loss


def batch(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 5, 11, generator=generator, dtype=torch.float64)
    targets = torch.randint(11, (3, 5), generator=generator)
    return logits, targets, torch.tensor([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0, 1, 1, 1, 0]]).bool()


def test_equals_torch_without_extras():
    logits, targets, mask = batch()
    loss, tokens = text_loss(logits, targets, mask)
    assert tokens.item() == 9
    torch.testing.assert_close(loss, cross_entropy(logits[mask], targets[mask]))


def test_label_smoothing_and_z_loss_equal_their_definition():
    logits, targets, mask = batch()
    soft = torch.where(one_hot(targets, 11).bool(), 0.7, 0.3 / 10)
    per_token = -(soft * log_softmax(logits, -1)).sum(-1) + 0.01 * logits.logsumexp(-1) ** 2
    loss, _ = text_loss(logits, targets, mask, label_smoothing=0.3, z_loss=0.01)
    torch.testing.assert_close(loss, per_token[mask].mean())


def test_accumulating_by_tokens_equals_one_batch():
    logits, targets, mask = batch()
    whole, tokens = text_loss(logits, targets, mask)
    parts = [text_loss(logits[i : i + 1], targets[i : i + 1], mask[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(sum(loss * n for loss, n in parts) / tokens, whole)


def test_masked_positions_count_in_neither_loss_nor_gradient():
    logits, targets, mask = batch()
    changed = torch.where(mask[..., None], logits, logits + 5 * torch.randn_like(logits)).requires_grad_()
    loss, _ = text_loss(changed, targets, mask)
    torch.testing.assert_close(loss, text_loss(logits, targets, mask)[0])
    loss.backward()
    assert (changed.grad[~mask] == 0).all() and (changed.grad[mask] != 0).all()


def test_half_precision_is_computed_in_float32():
    logits, targets, mask = batch()
    half = (logits * 20).bfloat16()
    loss, _ = text_loss(half, targets, mask, label_smoothing=0.1)
    assert loss.dtype == torch.float32
    exact = text_loss(half.double(), targets, mask, label_smoothing=0.1)[0]
    torch.testing.assert_close(loss, exact.float(), rtol=1e-6, atol=0)


def test_an_all_masked_sample_is_an_error():
    logits, targets, mask = batch()
    mask[1] = False
    with pytest.raises(DataError, match=r"sample 1 of this batch of 3.*empty, or cut off"):
        text_loss(logits, targets, mask)
