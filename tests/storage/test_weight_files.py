"""Finding weights, their shards and their digest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pali3kit.errors import WeightsError
from pali3kit.storage.weight_files import INDEX, find_weights, weights_digest


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
    before = weights_digest(index)
    save_file({"b": torch.tensor([2.5])}, tmp_path / "model-1.safetensors")
    assert weights_digest(index) != before and len(before) == 64


def test_files_of_other_names_are_suggested(tmp_path: Path) -> None:
    (tmp_path / "siglip_b16.npz").touch()
    with pytest.raises(WeightsError, match=r"it has none of .*\. Name the file itself: siglip_b16.npz\."):
        find_weights(tmp_path)


@pytest.mark.parametrize("name", ["../b.safetensors", "/etc/passwd", "x/b.safetensors", "..", "", 3, None, ["b"]])
def test_an_index_may_name_files_beside_it_only(name: object, tmp_path: Path) -> None:
    index = index_of(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "model-0.safetensors", "b": name}}))
    with pytest.raises(WeightsError, match=r"index.json: weight_map gives b the file .*, which is not a plain"):
        weights_digest(index)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    index = index_of(tmp_path)
    (tmp_path / "model-1.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"index.json names model-1.safetensors, which is missing"):
        weights_digest(index)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", "{}", '{"weight_map": []}', '{"weight_map": {}}', "[" * 10**5, "\udcff"]
)
def test_invalid_indexes(content: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(WeightsError, match="is not an index of shards"):
        weights_digest(tmp_path / INDEX)


def test_an_index_with_a_byte_order_mark(tmp_path: Path) -> None:
    index = index_of(tmp_path)
    index.write_bytes(b"\xef\xbb\xbf" + index.read_bytes())
    assert len(weights_digest(index)) == 64


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights at .*: File name too long"):
        find_weights(tmp_path / ("x" * 300))
    with pytest.raises(WeightsError, match="cannot be read: Is a directory"):
        weights_digest(tmp_path)


def test_planning_needs_no_torch() -> None:
    code = "import sys, pali3kit.storage.weight_files; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_shard_whose_name_is_too_long_is_missing(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "x" * 5000}}))
    with pytest.raises(WeightsError, match="which is missing"):
        weights_digest(tmp_path / INDEX)
