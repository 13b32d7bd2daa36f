"""Where weights lie, and their digest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pali3kit.errors import WeightsError
from pali3kit.weights.find import INDEX, digest, find_weights


def index_of(folder: Path) -> Path:
    """An index of two shards."""
    for number, name in enumerate("ab"):
        save_file({name: torch.tensor([1.5])}, folder / f"model-{number}.safetensors")
    files = {name: f"model-{number}.safetensors" for number, name in enumerate("ab")}
    (folder / INDEX).write_text(json.dumps({"weight_map": files}))
    return folder / INDEX


def test_a_folder_is_searched(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"it has none of model.safetensors, model.safetensors.index.json"):
        find_weights(tmp_path)
    index = index_of(tmp_path)
    assert find_weights(tmp_path) == index
    with pytest.raises(WeightsError, match="there is no such file or folder"):
        find_weights(tmp_path / "nowhere")


def test_the_digest_covers_every_shard(tmp_path: Path) -> None:
    index = index_of(tmp_path)
    before = digest(index)
    save_file({"b": torch.tensor([2.5])}, tmp_path / "model-1.safetensors")
    assert digest(index) != before and len(before) == 64


def test_planning_needs_no_torch() -> None:
    code = "import sys, pali3kit.weights.find; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
