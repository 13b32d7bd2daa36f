"""Muon: orthogonal updates, equal to torch's within its bf16 precision."""

from __future__ import annotations

import pytest
import torch

from pali3kit.training.muon import Muon, _iterate, _iterate_gram, _orthogonalise


@pytest.mark.parametrize("shape", [(8, 8), (8, 24), (24, 8)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(3, *shape, dtype=torch.float64)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    result = _orthogonalise(matrix)
    singular = u.mT @ result @ vh.mT
    values = singular.diagonal(dim1=-2, dim2=-1)
    assert (values > 0.3).all() and (values < 1.3).all()  # the quintic's fixed band, Jordan et al. 2024
    off_diagonal = singular - torch.diag_embed(values)
    torch.testing.assert_close(off_diagonal, torch.zeros_like(off_diagonal), atol=1e-9, rtol=0)


def test_steps_follow_torchs_muon() -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(16, 32), torch.randn(5, 16, 32)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    mine = Muon([ours], lr=0.1, weight_decay=0.1)
    peer = torch.optim.Muon([theirs], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for gradient in gradients:
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        peer.step()
    # 5 steps of size 0.1: torch runs Newton-Schulz in bf16, with an error of about 1 %
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.02)


def test_matrices_of_one_shape_are_updated_independently() -> None:
    torch.manual_seed(0)
    pair = [torch.nn.Parameter(torch.randn(6, 6)) for _ in range(2)]
    gradients = torch.randn(2, 6, 6)
    alone = [torch.nn.Parameter(p.detach().clone()) for p in pair]
    for p, q, gradient in zip(pair, alone, gradients, strict=True):
        p.grad, q.grad = gradient.clone(), gradient.clone()
        Muon([q], lr=0.1).step()
    Muon(pair, lr=0.1).step()
    for p, q in zip(pair, alone, strict=True):
        torch.testing.assert_close(p, q)


@pytest.mark.parametrize("decay", [0.0, 1.0, 2.0])
def test_iterating_the_gram_matrix_is_equal(decay: float) -> None:
    """Also for gradients with a steep spectrum."""
    torch.manual_seed(0)
    u, _, vh = torch.linalg.svd(torch.randn(2, 32, 128), full_matrices=False)
    x = u * torch.arange(1, 33) ** -decay @ vh
    x = x / x.norm(dim=(-2, -1), keepdim=True)
    # the Gram matrix squares the spectrum, so values below a thousandth of the largest are lost in fp32 (4e-4 measured)
    torch.testing.assert_close(_iterate_gram(x), _iterate(x), atol=1e-3, rtol=0)
    torch.testing.assert_close(_iterate_gram(x.double()), _iterate(x.double()), atol=1e-10, rtol=0)
