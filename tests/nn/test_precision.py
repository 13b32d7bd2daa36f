"""Losses are computed in fp32 or better."""

from __future__ import annotations

import pytest
import torch

from pali3kit.nn.precision import at_least_float32


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_precision_is_widened_and_nothing_is_narrowed(given: torch.dtype, expected: torch.dtype) -> None:
    x = torch.tensor([1.5, -2.25], dtype=given)
    assert at_least_float32(x).dtype == expected
    assert at_least_float32(x).tolist() == [1.5, -2.25]
