"""Saved folders: equal models, one copy of each encoder, and every way in which a folder is no saved PaLI."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_pali import MemoryCheckpoints, answer
from safetensors import safe_open

from pali3kit.config.saved_pali import SavedPaLI
from pali3kit.errors import Pali3Error, WeightsError
from pali3kit.inference import saved
from pali3kit.inference.checkpoints import STAGE_1
from pali3kit.inference.saved import open_saved, save
from pali3kit.models.pali import PaLIModel
from pali3kit.weights.files import save_sharded


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> MemoryCheckpoints:
    return MemoryCheckpoints(tmp_path_factory.mktemp("memory"))


@pytest.fixture(scope="module")
def folder(memory: MemoryCheckpoints) -> Path:
    save(memory, memory.path.parent / "saved")
    return memory.path.parent / "saved"


@pytest.fixture
def copy(memory: MemoryCheckpoints, tmp_path: Path) -> Path:
    save(memory, tmp_path / "copy", [STAGE_1])
    return tmp_path / "copy"


def test_what_is_read_is_what_was_saved(memory: MemoryCheckpoints, folder: Path) -> None:
    found = open_saved(folder)
    assert (found.names, found.bins) == (memory.names, memory.bins)
    for name in memory.names:
        assert torch.equal(answer(found, name), answer(memory, name))
        assert found.defaults(name) == memory.defaults(name)
        assert found.architecture(name) == memory.architecture(name)
        assert found.vision(name).image_spec == memory.vision(name).image_spec
        assert not found.model(name).training and not found.vision(name).training
    masks, read = memory.mask_tokenizer(), found.mask_tokenizer()
    assert masks is not None and read is not None and torch.equal(masks.codebook.codes, read.codebook.codes)
    assert found.documents() == memory.documents()


def test_a_process_without_anything_else_reads_it(memory: MemoryCheckpoints, folder: Path, tmp_path: Path) -> None:
    torch.save(answer(memory, "vqav2"), tmp_path / "logits.pt")
    program = (
        "import sys, torch; sys.path.insert(0, sys.argv[1]); from random_pali import answer; from pathlib import Path"
    )
    program += "; from pali3kit.inference.saved import open_saved"
    program += "; found, wanted = open_saved(Path(sys.argv[2])), torch.load('logits.pt', weights_only=True)"
    program += "; sys.exit(0 if torch.equal(answer(found, 'vqav2'), wanted) else 1)"
    environment = os.environ | {"PYTHONPATH": str(Path(saved.__file__).parents[2]), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", program, str(Path(__file__).parents[1]), str(folder)]
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 0


def test_an_encoder_that_checkpoints_share_is_stored_and_read_once(folder: Path) -> None:
    found = open_saved(folder)
    assert sorted(SavedPaLI(folder).encoders) == ["vision", "vision-2"]
    assert found.vision(STAGE_1) is found.vision("vqav2") and found.vision("vqav2") is not found.vision("refcoco")


def test_a_transfer_that_benchmarks_share_is_stored_once(memory: MemoryCheckpoints, tmp_path: Path) -> None:
    class Sharing(MemoryCheckpoints):
        names = (STAGE_1, "vqav2", "okvqa")

        def model(self, name: str) -> PaLIModel:
            return super().model("vqav2" if name == "okvqa" else name)

    save(Sharing(tmp_path / "memory"), tmp_path / "shared")
    assert {file.name for file in (tmp_path / "shared").glob("pali.*")} == {
        "pali.multimodal.safetensors", "pali.vqav2.safetensors",
    }  # fmt: skip
    found = open_saved(tmp_path / "shared")
    assert found.names == Sharing.names and torch.equal(answer(found, "okvqa"), answer(found, "vqav2"))
    save(found, tmp_path / "alone", ["okvqa"])
    assert torch.equal(answer(open_saved(tmp_path / "alone"), "okvqa"), answer(found, "okvqa"))


def test_folders_of_format_1_have_no_part_and_are_read(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    del config["checkpoints"][STAGE_1]["part"]
    (copy / "config.json").write_text(json.dumps({**config, "format": 1}))
    assert SavedPaLI(copy).checkpoint(STAGE_1).part == f"pali.{STAGE_1}"


def test_the_tokenizer_is_verified_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = list[str]()
    verify = SavedPaLI.verify
    monkeypatch.setattr(SavedPaLI, "verify", lambda self, name: verified.append(name) or verify(self, name))
    found = open_saved(folder)
    assert all(found.model(name) is not None for name in found.names) and found.tokenizer() is found.tokenizer()
    assert verified.count("tokenizer.model") == 1


def test_the_files_need_safetensors_alone(folder: Path) -> None:
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    for file in set(index["weight_map"].values()):
        with safe_open(folder / file, "pt") as opened:
            names = set(opened.keys())
            assert opened.metadata()["format"] == "pt"
        assert names == {name for name, where in index["weight_map"].items() if where == file}
    with safe_open(folder / "vision.safetensors", "pt") as opened:
        assert opened.get_tensor("vision.positions").shape == (1, 4, 16)


def test_shards_of_a_chosen_size(memory: MemoryCheckpoints, tmp_path: Path) -> None:
    save(memory, tmp_path / "shards", ["vqav2"], max_shard_size=8000)
    files = sorted(file.name for file in (tmp_path / "shards").glob("pali.vqav2-*"))
    assert len(files) > 2 and files[0].endswith(f"-00001-of-{len(files):05}.safetensors")
    assert torch.equal(answer(open_saved(tmp_path / "shards"), "vqav2"), answer(memory, "vqav2"))


def test_rounded_weights_are_not_saved(memory: MemoryCheckpoints, folder: Path, tmp_path: Path) -> None:
    opened = open_saved(folder)
    opened.vision(STAGE_1).bfloat16()
    with pytest.raises(WeightsError, match=r"vision was loaded as torch.bfloat16, which has lost digits"):
        save(opened, tmp_path / "x")


def test_files_are_as_readable_as_other_files(folder: Path) -> None:
    assert len({file.stat().st_mode for file in folder.iterdir()}) == 1


def test_tied_weights_are_stored_once(tmp_path: Path) -> None:
    module = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 3, False), "b": torch.nn.Linear(3, 3, False)})
    module["b"].weight = module["a"].weight
    assert save_sharded(module, tmp_path, "part", "1GB") == {"part.a.weight": "part.safetensors"}


def test_saved_again_it_is_the_same(folder: Path, tmp_path: Path) -> None:
    save(open_saved(folder), tmp_path / "again")
    for file in folder.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_chosen_checkpoints(copy: Path) -> None:
    assert open_saved(copy).names == (STAGE_1,)
    with pytest.raises(WeightsError, match=r"has no checkpoint 'refcoco'\. Choose from multimodal"):
        open_saved(copy).model("refcoco")


def test_an_unknown_checkpoint_is_refused(memory: MemoryCheckpoints, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"memory has no checkpoint 'refcco'\. Did you mean 'refcoco'\?"):
        save(memory, tmp_path / "x", ["refcco"])
    assert not (tmp_path / "x").exists()


def test_a_saved_folder_is_replaced_even_by_itself(copy: Path) -> None:
    logits = answer(open_saved(copy), STAGE_1)
    save(open_saved(copy), copy)
    assert torch.equal(answer(open_saved(copy), STAGE_1), logits)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_another_folder_is_not_overwritten(memory: MemoryCheckpoints, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(WeightsError, match="is not a saved PaLI, and is not overwritten: name a new folder"):
        save(memory, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_lies_beside_a_saved_pali_is_not_lost(memory: MemoryCheckpoints, copy: Path) -> None:
    for name in (".git", "predictions.jsonl"):
        (copy / name).touch()
    with pytest.raises(WeightsError, match=r"also holds \.git, predictions\.jsonl, and is not replaced"):
        save(memory, copy)
    assert (copy / ".git").exists() and (copy / "predictions.jsonl").exists()


def test_only_partials_of_the_same_folder_are_removed(memory: MemoryCheckpoints, tmp_path: Path) -> None:
    others, ours = (f"{name}.{platform.node()}.2024999999.partial" for name in ("photos", "pali"))
    for name in (others, ours):
        (tmp_path / name).mkdir()
    save(memory, tmp_path / "pali")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pali", others]


def test_what_fails_half_way_leaves_the_folder_as_it_was(
    copy: Path, memory: MemoryCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    before = {file.name: file.read_bytes() for file in copy.iterdir()}
    monkeypatch.setattr(saved, "save_sharded", full)
    with pytest.raises(OSError, match="no space left"):
        save(memory, copy)
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_killed_save_leaves_nothing_that_loads(memory: MemoryCheckpoints, tmp_path: Path) -> None:
    (tmp_path / f"model.{platform.node()}.999999999.partial").mkdir()
    save(memory, tmp_path / "model", [STAGE_1])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_components_from_files_elsewhere_are_refused(memory: MemoryCheckpoints, tmp_path: Path) -> None:
    other = MemoryCheckpoints(memory.path.parent)
    other.language = {"name": "hf/google/mt5-small"}
    other.model = memory.model  # type: ignore[method-assign]
    with pytest.raises(WeightsError, match="'hf/google/mt5-small' cannot be saved"):
        save(other, tmp_path / "x")


def _config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return change


def _write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def _cut(name: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, 100)


def _flip(folder: Path) -> None:
    data = bytearray((folder / "vision.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "vision.safetensors").write_bytes(data)


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "config.json").unlink(), "is not a saved PaLI: it has no config.json."),
    (_write("config.json", "{"), "config.json is damaged: "),
    (_write("config.json", "[]"), "config.json is damaged: it is not a mapping"),
    (_config(model_type="t5"), "is not a saved PaLI: config.json is of the model_type 't5'."),
    (_config(format=3, pali3kit="9.0"), "is of format 3, pali3kit 9.0: this one reads 2. Upgrade pali3kit."),
    (_config(format="x"), "has the unknown format 'x': this pali3kit reads 2."),
    (_config(bins=None), "config.json is damaged: "),
    (_config(checkpoints={}), "config.json is damaged: it has no checkpoint"),
    (_config(encoders={}), "config.json is damaged: it has no image encoder for multimodal"),
    (_config(encoders={"vision": {"name": "hf/x/y"}}), "'hf/x/y' cannot be built from a saved folder"),
    (_config(encoders={"vision": {"name": "vit", "trust_remote_code": True}}), "cannot be built from a saved folder"),
    (_config(encoders={"vision": {"name": "vit", "wdth": 3}}), "vision 'vit' takes no option 'wdth'"),
    (_config(encoders={"vision": {"name": "vit", "width": "x"}}), "vit"),
    (lambda folder: (folder / "vision.safetensors").unlink(), "is incomplete: vision.safetensors is missing."),
    (lambda folder: (folder / "tokenizer.model").unlink(), "is incomplete: tokenizer.model is missing."),
    (_config(files={"../x": ""}), "is incomplete: ../x is missing."),
    (_cut("vision.safetensors"), "vision.safetensors is damaged: config.json has another sha256."),
    (_flip, "vision.safetensors is damaged: config.json has another sha256."),
    (_cut("tokenizer.model"), "tokenizer.model is damaged: config.json has another sha256."),
    (_write("preprocessor_config.json", "{}"), "preprocessor_config.json is damaged: KeyError('vision')"),
    (_write("generation_config.json", '{"multimodal": {"beans": 1}}'), "generation_config.json is damaged: "),
]


@pytest.mark.parametrize("number", range(len(DAMAGES)))
def test_what_is_wrong_with_a_folder_is_said(copy: Path, number: int) -> None:
    damage, message = DAMAGES[number]
    damage(copy)
    with pytest.raises(Pali3Error) as caught:
        answer(open_saved(copy), STAGE_1)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not a saved PaLI: there is no such folder"):
        open_saved(tmp_path / "none")
