"""FSDP2 on a mesh of one process; several are in tests/execution/test_ranks.py."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor

from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.training.shard import shard
from pali3kit.vision.vit import ViT


@pytest.fixture
def mesh() -> Iterator[DeviceMesh]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=0, world_size=1)
    try:
        yield init_device_mesh("cpu", (1,))
    finally:
        dist.destroy_process_group()
        os.environ.pop("LOCAL_RANK", None)


def towers() -> TwoTowers:
    torch.manual_seed(0)
    vision = ViT(16, width=16, depth=2, heads=2, mlp=32, patch=8)
    return TwoTowers(vision, TextTower(20, 4, out=16, width=16, depth=1, heads=2, mlp=32))


def test_everything_but_scalars_is_sharded_and_gradients_are_the_same(mesh: DeviceMesh) -> None:
    plain, sharded = towers(), towers()
    shard(sharded, mesh)
    whole = {name for name, parameter in sharded.named_parameters() if not isinstance(parameter, DTensor)}
    assert whole == {"log_scale", "bias"}
    images, ids = torch.randn(2, 3, 16, 16), torch.randint(20, (2, 4))
    for model in (plain, sharded):
        image, text = model(images, ids)
        ((image * text).sum() * model.log_scale.exp() + model.bias).square().backward()
    for (name, one), (_, other) in zip(plain.named_parameters(), sharded.named_parameters(), strict=True):
        grad = other.grad.full_tensor() if isinstance(other.grad, DTensor) else other.grad
        torch.testing.assert_close(grad, one.grad, msg=name)
