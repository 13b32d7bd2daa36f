"""A run, a saved folder or a repository of the hub: whatever is meant is opened, or told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from random_pali import MemoryCheckpoints

import pali3kit as pk
from pali3kit.errors import ConfigError, DataError, WeightsError
from pali3kit.inference.pali import PaLI


def test_a_run_is_loaded_by_its_folder(run_folder: Path) -> None:
    pali = pk.load(run_folder, pretrain="siglip", seed=0, device="cpu")
    assert isinstance(pali, pk.PaLI) and str(pali.device) == "cpu"
    assert isinstance(pali.ask(np.zeros((9, 9, 3), np.uint8), "what is it?"), str)
    with pytest.raises(ConfigError, match=r"has pretrain siglip alone, not classif\."):
        pk.load(str(run_folder), pretrain="classif")


def test_paths_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.new("RGB", (9, 9)).save(tmp_path / "black.png")
    PaLI(MemoryCheckpoints(tmp_path / "memory"), device="cpu").save_pretrained("~/saved", checkpoints=["vqav2"])
    for pali in (pk.load("~/saved", device="cpu"), PaLI.from_pretrained("~/saved", device="cpu")):
        assert isinstance(pali.ask("~/black.png", "what is it?"), str)


def test_evaluations_and_training_are_not_imported() -> None:
    """torchmetrics takes twice as long as torch."""
    code = (
        "import sys, pali3kit; pali3kit.load; print({'lightning', 'torchmetrics', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_folder_that_is_not_there_is_no_repository(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError) as refused:
        pk.load(run_folder.with_name("pali4"), pretrain="siglip")
    assert str(refused.value) == f"there is no folder '{run_folder.with_name('pali4')}'. Did you mean '{run_folder}'?"
    with pytest.raises(
        WeightsError, match=r"no folder 'x'\. A repository of the hub is OWNER/NAME, with no folder OWNER here"
    ):
        pk.load("x")
    opened: list[object] = []
    monkeypatch.setattr(
        PaLI, "from_pretrained", lambda place, **options: opened.append((place, options)), raising=False
    )
    pk.load("nobody-has/this-folder")
    pk.load(run_folder.parent, device="cpu")  # a folder without an experiment
    assert opened == [
        ("nobody-has/this-folder", {"device": None, "dtype": None}),
        (str(run_folder.parent), {"device": "cpu", "dtype": None}),
    ]


def test_a_run_that_is_not_finished_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.txt").touch()
    with pytest.raises(DataError, match=r"the run of .* is not finished: it has no experiment\.yaml"):
        pk.load(tmp_path, pretrain="siglip")


def test_only_a_run_has_cells(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        pk.load(tmp_path, seed=1, pretrain="siglip")
    told = f"seed, pretrain: only a run folder has cells to choose from, and {tmp_path} has no experiment.yaml."
    assert str(refused.value) == told
