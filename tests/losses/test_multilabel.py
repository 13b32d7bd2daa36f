import math

import pytest
import torch

from pali3kit.losses.multilabel import multilabel_loss, softmax_loss


def test_is_summed_over_classes_and_averaged_over_images():
    logits = torch.zeros(2, 5)
    assert multilabel_loss(logits, torch.ones(2, 5, dtype=torch.long)).item() == pytest.approx(5 * math.log(2))


def test_equals_its_definition():
    logits = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1, 0, 0, 1, 0, 0]] * 4)
    p = logits.sigmoid()
    expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).sum(1).mean()
    torch.testing.assert_close(multilabel_loss(logits, labels), expected)


def test_half_precision_is_computed_in_float32():
    logits = torch.full((3, 100), -10.0, dtype=torch.bfloat16)
    loss = multilabel_loss(logits, torch.zeros(3, 100))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(100 * math.log1p(math.exp(-10)), rel=1e-5)


def test_softmax_over_several_labels_shares_their_probability():
    logits = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
    p = logits.softmax(1).log()
    by_hand = -((p[0, 0] + p[0, 3]) / 2 + p[1, 1]) / 3
    torch.testing.assert_close(softmax_loss(logits, labels), by_hand)


def test_softmax_of_half_precision_is_computed_in_float32():
    assert softmax_loss(torch.zeros(2, 8, dtype=torch.bfloat16), torch.eye(2, 8)).item() == pytest.approx(math.log(8))
