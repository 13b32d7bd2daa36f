"""FSDP2 on two and four ranks (gloo): gradients, memory, collectives and weights against one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))

from shard_rank import MODELS, PARTS, STEPS, adapters, all_gradients, save_hf_encoders, trained

from pali3kit.training.context import Execution

UNITS = 10  # 7 blocks, the embedding, the logits, and the root; PaLI does not use the head
BLOCKS = 7
NOISE = "key.bias"  # softmax does not depend on it: its gradient is noise, which AdamW turns into steps of any size


def launch(folder: Path, nodes: int, devices: int, job: str) -> Any:
    script = Path(__file__).with_name("shard_rank.py")
    subprocess.run([sys.executable, str(script), str(folder), str(nodes), str(devices), job], check=True, timeout=300)
    return torch.load(folder / "found.pt", weights_only=True)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return launch(tmp_path_factory.mktemp("two"), 1, 2, "units")


@pytest.fixture(scope="module")
def alone() -> dict[str, Tensor]:
    """The weights that one process trains, in as many microbatches."""
    return trained(Execution(), MODELS["pali"])[0]


def assert_equal_gradients(found: dict[str, dict[str, Tensor]], expected: dict[str, dict[str, Tensor]]) -> None:
    """To 1e-5 of the gradient's norm in fp32. In bf16 ranks round sums of their own parts: to 1/8 of each matrix's, or
    of 1/1000 of the largest, which is noise.
    """
    assert found.keys() == expected.keys()
    for model, gradients in expected.items():
        assert found[model].keys() == gradients.keys(), model
        largest = max(float(gradient.norm()) for gradient in gradients.values())
        tolerance = 1 / 8 if "bfloat16" in model else 1e-5
        for name, gradient in gradients.items():
            apart = float((found[model][name] - gradient).norm()) / max(float(gradient.norm()), largest / 1000)
            assert apart < tolerance, (model, name, apart)


def difference(weights: dict[str, Tensor], others: dict[str, Tensor]) -> float:
    assert weights.keys() == others.keys()
    return max(float((weights[name] - others[name]).abs().max()) for name in weights if not name.endswith(NOISE))


def test_gradients_are_those_of_one_process_in_fp32_and_bf16(two: Any) -> None:
    """After a validation, too."""
    assert_equal_gradients(two["gradients"], all_gradients(MODELS))


def test_autocast_keeps_no_copies_of_matrices(two: Any) -> None:
    """In bytes per parameter of the whole model; only the root's small matrices are left."""
    for model, (without_policy, with_policy) in two["copies"].items():
        assert without_policy > 1.5, model
        assert with_policy < 0.1, model


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_microbatches_train_what_one_process_does(two: Any, alone: dict[str, Tensor], strategy: str) -> None:
    assert difference(two[strategy][0], alone) < 1e-5


def test_gradients_are_reduced_once_a_step(two: Any) -> None:
    """Blocks are gathered again in each backward pass, other units once a step."""
    for step in two["fsdp"][1]:
        assert step["c10d._reduce_scatter_base_"] == UNITS
        assert step["c10d._allgather_base_"] == UNITS + PARTS * BLOCKS
        assert step["c10d.allreduce_"] == 1 + PARTS  # vectors, and the target tokens of each microbatch
        assert step["c10d_functional.all_reduce"] == 1  # the norm that clips
    assert [step["c10d.allreduce_"] for step in two["ddp"][1]] == [1 + PARTS] * STEPS


@pytest.mark.slow
def test_hsdp_trains_what_one_process_does(alone: dict[str, Tensor], tmp_path: Path) -> None:
    weights, steps = launch(tmp_path, 2, 2, "train")
    assert difference(weights, alone) < 1e-5
    for step in steps:
        assert step["c10d._reduce_scatter_base_"] == UNITS
        assert step["c10d.allreduce_"] == UNITS + 1  # shards over nodes, vectors over all ranks


@pytest.mark.slow
def test_models_of_other_libraries(tmp_path: Path) -> None:
    save_hf_encoders(tmp_path)
    assert_equal_gradients(launch(tmp_path, 1, 2, "adapters"), all_gradients(adapters(tmp_path)))
