"""Attention: the backends agree."""

from __future__ import annotations

import pytest
import torch

from pali3kit.nn.attention import attend, merge_heads, split_heads


@pytest.mark.parametrize("scale", [None, 1.0])
def test_the_plain_and_the_fused_backend_agree(scale: float | None) -> None:
    query, key, value = torch.randn(3, 2, 4, 7, 8).unbind()
    bias = torch.randn(1, 4, 7, 7)
    fused = attend(query, key, value, bias, scale)
    plain = attend(query, key, value, bias.requires_grad_(), scale)
    torch.testing.assert_close(plain, fused)


def test_a_masked_key_has_no_influence() -> None:
    query, key, value = torch.randn(3, 1, 2, 5, 8).unbind()
    bias = torch.zeros(1, 1, 1, 5)
    bias[..., 3] = torch.finfo(bias.dtype).min
    before = attend(query, key, value, bias)
    key[:, :, 3], value[:, :, 3] = 100.0, -100.0
    torch.testing.assert_close(attend(query, key, value, bias), before)


def test_bf16_on_cpu_stays_close_to_fp32() -> None:
    query, key, value = torch.randn(3, 2, 4, 7, 8).unbind()
    low = attend(query.bfloat16(), key.bfloat16(), value.bfloat16())
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), attend(query, key, value), atol=3e-2, rtol=3e-2)


def test_heads_split_and_merge_back() -> None:
    x = torch.randn(2, 5, 12)
    assert split_heads(x, 3).shape == (2, 3, 5, 4)
    torch.testing.assert_close(merge_heads(split_heads(x, 3)), x)
