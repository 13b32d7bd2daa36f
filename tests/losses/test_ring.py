"""The loss over a ring of processes equals that on one device."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pali3kit.losses.sigmoid import ring_sigmoid_loss, sigmoid_loss

WORLD, BATCH, WIDTH = 4, 12, 5  # 12 pairs are shared by 1, 2, 3 and 4 ranks


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that all ranks of all rings saved."""
    folder = tmp_path_factory.mktemp("ring")
    generator = torch.Generator().manual_seed(0)
    image, text = (torch.randn(BATCH, WIDTH, generator=generator, dtype=torch.float64) * 3 for _ in range(2))
    scalars = [torch.tensor(x, dtype=torch.float64) for x in (math.log(10.0), -2.5)]
    torch.save([image, text, *scalars], folder / "batch.pt")
    script, port = Path(__file__).with_name("ring_rank.py"), free_port()
    words = [[sys.executable, str(script), str(rank), str(WORLD), str(port), str(folder)] for rank in range(WORLD)]
    running = [subprocess.Popen(command) for command in words]
    assert [process.wait(timeout=150) for process in running] == [0] * WORLD
    return folder


@pytest.mark.parametrize("ranks", range(1, WORLD + 1))
def test_equals_one_device_in_loss_and_gradients(folder: Path, ranks: int) -> None:
    leaves = [x.requires_grad_() for x in torch.load(folder / "batch.pt", weights_only=True)]
    loss = sigmoid_loss(*leaves)
    loss.backward()
    saved = [torch.load(folder / f"{ranks}-{rank}.pt", weights_only=True) for rank in range(ranks)]
    losses, images, texts, scales, biases = zip(*saved, strict=True)
    exact = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(torch.stack(losses).mean(), loss.detach(), **exact)
    torch.testing.assert_close(torch.cat(images) / ranks, leaves[0].grad, **exact)  # DDP's mean over ranks
    torch.testing.assert_close(torch.cat(texts) / ranks, leaves[1].grad, **exact)
    torch.testing.assert_close(torch.stack(scales).mean(), leaves[2].grad, **exact)
    torch.testing.assert_close(torch.stack(biases).mean(), leaves[3].grad, **exact)


def test_unpaired_batches_are_refused() -> None:
    with pytest.raises(ValueError, match=r"images \[3, 4\], texts \[2, 4\]"):
        ring_sigmoid_loss(torch.zeros(3, 4), torch.zeros(2, 4), torch.zeros(()), torch.zeros(()))
