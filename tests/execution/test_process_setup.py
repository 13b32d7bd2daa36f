"""What is set in a process before a stage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pali3kit.execution.process_setup import seed_and_set_threads


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    threads, tf32 = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    filled = torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = filled


def test_tf32_is_allowed_on_gpus_only() -> None:
    """Lightning asks for torch's precision of products; the CPU's own stays as it is, and so do its numbers."""
    on_cpu, (a, b) = torch.backends.mkldnn.matmul.fp32_precision, torch.randn(2, 64, 64)
    before = a @ b
    seed_and_set_threads(1, 2**32 - 1)
    assert torch.backends.cuda.matmul.allow_tf32 and torch.get_float32_matmul_precision() == "high"
    assert torch.backends.mkldnn.matmul.fp32_precision == on_cpu and torch.equal(a @ b, before)
