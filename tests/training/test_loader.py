"""How batches are loaded: in this process or in others, for a GPU in pinned memory."""

from __future__ import annotations

import pytest
import torch

from pali3kit.training import loader


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("processes", [0, 2])
def test_memory_is_pinned_for_a_gpu(device: str, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "chosen_device", lambda: torch.device(device))
    loading = loader._loader(loader._Steps(lambda step: step, 0, 3), processes)
    assert loading.pin_memory == (device == "cuda") and loading.num_workers == processes
