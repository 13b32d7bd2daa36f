"""How batches are loaded: in this process or in others, for a GPU in pinned memory."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from pali3kit.data.video.last_read import create_notes, noting_read
from pali3kit.errors import DataError
from pali3kit.training import loader


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("processes", [0, 2])
def test_memory_is_pinned_for_a_gpu(device: str, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "chosen_device", lambda: torch.device(device))
    loading = loader._loader(loader._Steps(lambda step: step, 0, 3), processes, create_notes(processes))
    assert loading.pin_memory == (device == "cuda") and loading.num_workers == processes


def test_a_process_that_dies_names_the_file_that_it_read() -> None:
    def crash(step: int) -> int:
        with noting_read(f"clip {step}.mp4"):
            if step == 2:
                os.kill(os.getpid(), signal.SIGSEGV)
        return step

    with loader.loading(crash, 0, 4, 1) as loaded, pytest.raises(DataError) as raised:
        list(loaded)
    assert str(raised.value).startswith("a loader process died while it read clip 2.mp4: DataLoader worker")


def test_an_error_without_a_file_stays_what_it_is() -> None:
    def fail(step: int) -> int:
        with noting_read("clip.mp4"):
            pass
        raise RuntimeError("no batch")

    with loader.loading(fail, 0, 1, 1) as loaded, pytest.raises(RuntimeError, match="no batch"):
        list(loaded)
