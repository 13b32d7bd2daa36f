"""Reading weights of every format, and errors of files that hold none."""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pali3kit.errors import WeightsError
from pali3kit.storage.weight_files import INDEX
from pali3kit.weights.read import read_tensors

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1.5])}


def shards(folder: Path, ending: str = "") -> Path:
    files = {name: f"model-{number}{ending or '.safetensors'}" for number, name in enumerate(TENSORS)}
    for name, file in files.items():
        (torch.save if ending else save_file)({name: TENSORS[name]}, folder / file)
    index = folder / ("pytorch_model.bin.index.json" if ending else INDEX)
    index.write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return index


def written(folder: Path, kind: str) -> Path:
    path = folder / f"x{kind}"
    if kind.startswith("index"):
        return shards(folder, kind[9:])
    if kind == ".safetensors":
        save_file(TENSORS, path)
    elif kind == ".npz":
        np.savez(path, **{name: x.numpy() for name, x in TENSORS.items()})
    else:
        torch.save({"state_dict": {f"module.{name}": x for name, x in TENSORS.items()}, "epoch": 3}, path)
    return path


@pytest.mark.parametrize(
    "kind", [".safetensors", ".npz", ".pt", ".pth", ".bin", ".ckpt", ".pth.tar", ".PTH", "index", "index of .bin"]
)
def test_every_kind(kind: str, tmp_path: Path) -> None:
    found = read_tensors(written(tmp_path, kind))
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("kind", [".safetensors", ".npz", ".pt", "index"])
def test_a_truncated_file(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, kind)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WeightsError, match=r"not a readable file of weights|not an index of shards"):
        read_tensors(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_arrays_raise_one_type_of_error(compressed: bool, tmp_path: Path) -> None:
    """NumPy parses the header of an array as Python, and may raise anything."""
    path, chance = tmp_path / "x.npz", random.Random(0)
    (np.savez_compressed if compressed else np.savez)(path, a=np.arange(600.0).reshape(20, 30))
    whole, refused = path.read_bytes(), 0
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            assert read_tensors(path)
        except WeightsError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("array", [np.array(["a"]), np.zeros(2, [("a", "f4")])], ids=str)
def test_arrays_that_are_not_numbers(array: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=array)
    with pytest.raises(WeightsError, match="not a readable file of weights"):
        read_tensors(tmp_path / "x.npz")


def test_numbers_of_another_byte_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(3, dtype=">f4"))
    assert read_tensors(tmp_path / "x.npz")["a"].tolist() == [0, 1, 2]


class Harmful:
    """Code that a pickle could run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run!",))


def test_nothing_in_a_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": Harmful()}, tmp_path / "x.pt")
    np.savez(tmp_path / "x.npz", a=np.array([Harmful()], dtype=object))
    (tmp_path / "y.bin").write_bytes(pickle.dumps(Harmful()))
    unsafe = "holds more than tensors, which could run code"
    for name, message in {"x.pt": unsafe, "x.npz": "not a readable file of weights", "y.bin": unsafe}.items():
        with pytest.raises(WeightsError, match=message):
            read_tensors(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_an_unknown_ending_and_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x.h5").touch()
    with pytest.raises(
        WeightsError, match=r"unknown ending; weights are read from .safetensors, .npz, .bin, .pt, .pth, .ckpt, .tar"
    ):
        read_tensors(tmp_path / "x.h5")
    save_file({}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="holds no tensors"):
        read_tensors(tmp_path / "x.safetensors")


def test_a_name_in_two_shards_is_read_from_the_one_in_the_index(tmp_path: Path) -> None:
    index = shards(tmp_path)
    save_file({"a": torch.zeros(1), "b": TENSORS["b"], "c": torch.ones(1)}, tmp_path / "model-1.safetensors")
    found = read_tensors(index)
    assert torch.equal(found["a"], TENSORS["a"]) and found["c"].item() == 1


def test_a_shard_that_lacks_a_tensor_of_the_index(tmp_path: Path) -> None:
    index = shards(tmp_path)
    save_file({"x": torch.zeros(1)}, tmp_path / "model-1.safetensors")
    with pytest.raises(WeightsError, match=rf"model-1.safetensors lacks b, which {INDEX} lists for it"):
        read_tensors(index)


def test_a_pointer_of_git_lfs(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n")
    with pytest.raises(WeightsError, match="is a Git LFS pointer, not the weights: fetch them with 'git lfs pull'"):
        read_tensors(tmp_path / "x.safetensors")


@pytest.mark.parametrize("ending", [".npz", ".pt"])
def test_a_zip_bomb_is_not_unpacked(ending: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / f"x{ending}", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(2):
            archive.writestr(f"{number}.npy", bytes(1 << 26))
    with pytest.raises(WeightsError, match=r"would unpack to 0.1 GB, from 0.1 MB"):
        read_tensors(tmp_path / f"x{ending}")


@pytest.mark.parametrize(
    "odd",
    [
        torch.ones(1).expand(10**6, 10**6),
        torch.ones(2, 2).to_sparse(),
        torch.empty(3, device="meta"),
        torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
    ],
    ids=["expanded", "sparse", "meta", "quantised"],
)
def test_tensors_larger_than_their_storage(odd: torch.Tensor, tmp_path: Path) -> None:
    """An expanded scalar would need a terabyte when it is converted."""
    torch.save({"a": torch.ones(1), "b": odd}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=r"x.pt: b is not a dense tensor"):
        read_tensors(tmp_path / "x.pt")
