"""The types that a user's type checker infers: base classes, and no `Any` from the public functions."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SCRIPT = CHECKOUT / "tests" / "typing" / "user.py"
EXPERIMENT = CHECKOUT / "experiments" / "ablate_classif.yaml"

TENSOR, GRID, COUNT = "torch._tensor.Tensor", "tuple[int, int]", "int"
# expression over the script's names -> what mypy reveals, less `builtins.`
CONTRACTS = {
    "encoder": "pali3kit.vision.contract.VisionEncoder",
    "encoder.width": COUNT,
    "grid": GRID,
    "encoder.native_grid": GRID,
    "encoder.image_spec": "pali3kit.images.spec.ImageSpec",
    "encoder.load_report": "pali3kit.weights.report.LoadReport | None",
    "pooled": TENSOR,
    "patches": TENSOR,
    "same_patches": TENSOR,
    "projector": "pali3kit.projector.contract.Projector",
    "projected": TENSOR,
    "room": COUNT,
    "language": "pali3kit.language.contract.LanguageModel",
    "language.width": COUNT,
    "embedded": TENSOR,
    "memory": TENSOR,
    "model": "pali3kit.models.pali.PaLIModel",
    "model.vision": "pali3kit.vision.contract.VisionEncoder | None",
    "model.language": "pali3kit.language.contract.LanguageModel",
    "model.projector": "pali3kit.projector.contract.Projector",
    "model.encode_images(images)": f"tuple[{TENSOR}, {GRID}]",
    "logits": TENSOR,
    "ids": TENSOR,
    "answer": "str",
    "source": "pali3kit.data.source.Source",
    "source.classes": "tuple[str, ...]",
    "source.skips": "pali3kit.data.records.Skips | None",
    "task": "pali3kit.data.task.Task",
    "examples": "list[pali3kit.data.task.Example]",
    "batch": f"dict[str, {TENSOR}]",
    "masks": "pali3kit.masks.vqvae.MaskVQVAE",
    "labelled": "pali3kit.data.sets.contract.LabelledSet",
    "labelled.classes": "tuple[str, ...]",
    "captioned": "pali3kit.data.sets.contract.CaptionedSet",
    "captions": "typing.Sequence[tuple[int, str]]",
    "pk.create_dual_encoder": "def (name: str, *arguments: object, **options: object) -> "
    "pali3kit.models.dual_encoder.DualEncoder",
    "tokenizer": "pali3kit.text.tokenizer.Tokenizer",
    "siglip.model": "pali3kit.models.two_towers.TwoTowers",
    "classifier.model": "pali3kit.models.classifier.Classifier",
    "module.model": "pali3kit.models.pali.PaLIModel",
    "module.losses(batch)": f"dict[str, {TENSOR}]",
    "mixture": "pali3kit.training.data_modules.MixtureDataModule",
    "pairs": "pali3kit.training.data_modules.PretrainingDataModule",
    "prepared": TENSOR,
    "prompt": "str",
    "loss": TENSOR,
    "world": "pali3kit.data.world.world.World",
    "scene": "pali3kit.data.world.scene.Scene",
    "names": "list[str]",
    "score": "tuple[float, list[float]]",
    "experiment": "pali3kit.config.schema.Experiment",
    "limit": COUNT,
    "steps": COUNT,
    "part": "pali3kit.config.component.Component",
    "part.name": "str",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The output of `mypy --strict` for the script followed by `reveal_type` of each expression, in one run."""
    folder = tmp_path_factory.mktemp("typing")
    script = folder / "user.py"
    script.write_text(SCRIPT.read_text() + "".join(f"reveal_type({expression})\n" for expression in CONTRACTS))
    (folder / "mypy.ini").write_text("[mypy]\n")
    # Errors inside the package are ignored, as for installed packages; `nox -s types` checks these.
    options = [
        "--strict",
        "--follow-imports=silent",
        "--cache-dir",
        str(folder / "cache"),
        "--config-file",
        str(folder / "mypy.ini"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(script)],
        cwd=folder, env={**os.environ, "MYPYPATH": str(CHECKOUT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def revealed(told: list[str]) -> dict[str, str]:
    first = len(SCRIPT.read_text().splitlines()) + 1
    found = [re.search(r"user\.py:(\d+): note: Revealed type is \"(.*)\"", line) for line in told]
    types = {int(match[1]): match[2].replace("builtins.", "") for match in found if match}
    return {expression: types.get(line, "nothing") for line, expression in enumerate(CONTRACTS, first)}


@pytest.mark.slow  # mypy reads torch anew
@pytest.mark.parametrize(("expression", "contract"), CONTRACTS.items())
def test_each_thing_is_its_contract(expression: str, contract: str, revealed: dict[str, str]) -> None:
    assert revealed[expression] == contract


@pytest.mark.slow
def test_a_strict_checker_finds_no_error(told: list[str]) -> None:
    assert [line for line in told if ": error:" in line] == []


def test_the_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path), str(EXPERIMENT)])
    names = runpy.run_path(str(SCRIPT))
    assert names["grid"] == (14, 14) and names["patches"].shape == (1, 16, 16) and names["limit"] == 7
    assert names["ids"].shape[0] == 1 and isinstance(names["answer"], str)


def test_the_package_says_that_it_is_typed() -> None:
    assert (CHECKOUT / "pali3kit" / "py.typed").is_file()
    assert 'only-include = ["pali3kit", ' in (CHECKOUT / "pyproject.toml").read_text()  # whole: the wheel has it
