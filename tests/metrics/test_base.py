"""The states of metrics keep their dtypes when the model that holds them is cast."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torchmetrics import Metric

from pali3kit.metrics import VQAAccuracy

sys.path.insert(0, str(Path(__file__).parent))

from metric_rank import cases, plain

CASES = cases()
CASTS: dict[str, Callable[[Metric, torch.dtype], object]] = {
    "to": lambda metric, dtype: nn.ModuleList([metric]).to(dtype),
    "type": lambda metric, dtype: nn.ModuleList([metric]).type(dtype),
    "set_dtype": lambda metric, dtype: metric.set_dtype(dtype),
}


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("name", CASES)
def test_a_cast_changes_no_number(name: str, dtype: torch.dtype, cast: str) -> None:
    case = CASES[name]
    alone, held = case.make(), case.make()
    CASTS[cast](held, dtype)
    for batch in case.batches:
        alone.update(*batch)
        held.update(*batch)
        CASTS[cast](held, dtype)
    assert plain(held.compute()) == plain(alone.compute())


def test_a_model_in_bfloat16_counts_further_than_256() -> None:
    metric = VQAAccuracy()
    nn.ModuleList([metric]).to(torch.bfloat16)
    for _ in range(300):
        metric.update(["a"], [["a"] * 10])
    assert metric.compute() == 1
