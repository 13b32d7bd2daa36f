"""What mixed precision computes in which dtype."""

from __future__ import annotations

import pytest
import torch

from pali3kit.nn.precision import at_least_float32, matmul_dtype


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


@pytest.mark.parametrize("given", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("mixed", [True, False])
def test_the_dtype_of_a_product_is_that_of_a_linear_layer(given: torch.dtype, mixed: bool) -> None:
    x, weight = torch.ones(2, 3, dtype=given), torch.ones(4, 3, dtype=given)
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        assert matmul_dtype(x) == torch.nn.functional.linear(x, weight).dtype
        assert matmul_dtype(x.to("meta")) == given  # torch has no autocast there
