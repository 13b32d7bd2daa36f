"""The description of a saved PaLI: what is read of its files without torch, and what identifies a start."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from random_pali import LANGUAGE, MASKS, VISION

from pali3kit.config.saved_pali import FILES, SavedPaLI, dataclass_of, is_saved
from pali3kit.errors import WeightsError
from pali3kit.images.spec import ImageSpec

PARTS = ("tokenizer", "vision", "mask_tokenizer", "pali")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "pali"))


def change(file: Path, key: str, **changes: Any) -> None:
    content = json.loads(file.read_text())
    content[key] |= changes
    file.write_text(json.dumps(content))


def test_components_of_a_checkpoint(saved: Path) -> None:
    found = SavedPaLI(saved)
    start = found.checkpoint("multimodal")
    assert (start.encoder, start.part, start.vision_width) == ("vision", "pali.multimodal", 16)
    assert (found.encoders["vision"], start.language, found.mask_tokenizer) == (VISION, LANGUAGE, MASKS)
    assert (found.image_size("vision"), found.image_size("vision-2"), found.codes) == (32, 48, 8)
    with pytest.raises(WeightsError, match=r"has no checkpoint 'vqa'\. Did you mean 'vqav2'\?"):
        found.checkpoint("vqa")


def test_a_start_is_described_without_its_folder(saved: Path) -> None:
    start = SavedPaLI(saved).start()
    assert start.keys() == set(PARTS) and all(len(str(part["weights"])) == 64 for part in start.values())
    assert start["pali"].keys() == {"weights", "projector", "language", "image_size"}
    assert start["tokenizer"]["codes"] == 8 and json.loads(json.dumps(start)) == start


@pytest.mark.parametrize(
    ("file", "key", "changes", "parts"),
    [
        ("preprocessor_config.json", "vision", {"mean": [0.4, 0.5, 0.5]}, {"vision"}),
        ("preprocessor_config.json", "vision-2", {"mean": [0.4, 0.5, 0.5]}, set()),
        ("generation_config.json", "multimodal", {"mixture": ["vqa"]}, {"pali"}),
        ("generation_config.json", "multimodal", {"beams": 7}, set()),
        ("config.json", "files", {"tokenizer.model": "0"}, {"tokenizer"}),
        ("config.json", "files", {"pali.multimodal.safetensors": "0"}, {"pali"}),
        ("config.json", "files", {"pali.vqav2.safetensors": "0"}, set()),
    ],
)
def test_what_a_start_is_identified_by(
    folder: Path, file: str, key: str, changes: dict[str, Any], parts: set[str]
) -> None:
    before = SavedPaLI(folder).start()
    change(folder / file, key, **changes)
    after = SavedPaLI(folder).start()
    assert {part for part in PARTS if before[part] != after[part]} == parts


def test_a_file_is_verified(folder: Path) -> None:
    found = SavedPaLI(folder)
    assert found.verify("tokenizer.model") == folder / "tokenizer.model"
    assert found.part_files("mask_tokenizer") == [folder / "mask_tokenizer.safetensors"]
    with pytest.raises(WeightsError, match=r"it has no sha256 of README\.md"):
        found.verify("README.md")
    with pytest.raises(WeightsError, match="it has no weights of vision-3"):
        found.part_files("vision-3")
    (folder / "tokenizer.model").unlink()
    with pytest.raises(WeightsError, match=r"tokenizer\.model cannot be read: No such file"):
        found.verify("tokenizer.model")


def test_lists_of_json_are_tuples() -> None:
    assert dataclass_of(ImageSpec, {"size": 32, "mean": [0.1, 0.2, 0.3]}).mean == (0.1, 0.2, 0.3)


def test_which_folders_are_saved_ones(folder: Path) -> None:
    assert is_saved(folder) and not is_saved(folder.parent)
    assert all(any(Path(file.name).match(pattern) for pattern in FILES) for file in folder.iterdir())


def test_it_is_read_without_torch(saved: Path) -> None:
    program = "import sys; from pathlib import Path; from pali3kit.config.saved_pali import SavedPaLI"
    program += "; SavedPaLI(Path(sys.argv[1])).start(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program, str(saved)], check=False).returncode == 0
