"""Weights and folders that an experiment names are there."""

from __future__ import annotations

from pathlib import Path

import fakes
import pytest
from planned import changed, without_place

from pali3kit.config.check_compatibility import _folders
from pali3kit.config.check_weights import check_exists, check_trained
from pali3kit.config.component import Component


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hf/./no/where", "there is no folder './no/where'. It was looked for in the working folder, {}."),
        ("hf/./w.np", "there is no folder './w.np'. Did you mean 'w.npz'?"),
        ("hf//no/where", "there is no folder '/no/where'."),
        (f"hf//{'x' * 300}", f"there is no folder '/{'x' * 300}'."),
        ("hf/google/t5", None),  # a name on the hub
        ("vit", None),
    ],
)
@pytest.mark.parametrize("key", ["vision", "language", "dual_encoder"])
def test_folders_of_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, name: str, text: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("w.npz").touch()
    cell = changed(fakes.experiment(tmp_path), {f"model.{key}": Component(name=name)})
    assert list(_folders(cell)) == ([] if text is None else [(f"model.{key}", text.format(tmp_path))])


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    cell = changed(fakes.experiment(tmp_path), {"model.vision": Component(name=f"hf/{tmp_path}")})
    assert list(_folders(cell)) == []


def test_the_folder_of_nobody(tmp_path: Path) -> None:
    cell = changed(fakes.experiment(tmp_path), {"model.language": Component(name="hf/~no-such-user/mt5")})
    [(key, text)] = _folders(cell)
    assert (key, without_place(text)) == ("model.language", "there is no folder '~no-such-user/mt5'.")


@pytest.mark.parametrize(
    ("weights", "texts"),
    [
        (None, []),
        ("", []),
        ("w.npz", []),
        ("qqq", ["there is no file or folder 'qqq'. It was looked for in the working folder, {}."]),
        ("w.np", ["there is no file or folder 'w.np'. Did you mean 'w.npz'?"]),
        ("/no/w.npz", ["there is no file or folder '/no/w.npz'."]),
        ("x" * 300, [f"there is no file or folder '{'x' * 300}'. It was looked for in the working folder, {{}}."]),
    ],
)
def test_weights_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str | None, texts: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("w.npz").touch()
    part = Component(name="vqvae", options={"weights": weights})
    assert list(check_exists(part, "model.mask_tokenizer")) == [
        ("model.mask_tokenizer.weights", text.format(tmp_path)) for text in texts
    ]


RANDOM = "with 0 examples {} keeps random weights: set its weights, or train it on examples."


@pytest.mark.parametrize(
    ("part", "examples", "texts"),
    [
        (Component(name="vqvae"), 0, [RANDOM.format("vqvae")]),
        (Component(name="ul2", options={"weights": None}), 0, [RANDOM.format("ul2")]),
        (Component(name="vqvae", options={"weights": "w.npz"}), 0, []),
        (Component(name="hf/google/t5"), 0, []),
        (Component(name="vqvae"), 1, []),
    ],
)
def test_what_learns_nothing_has_weights(part: Component, examples: int, texts: list[str]) -> None:
    assert list(check_trained(part, "mask_tokenizer", examples)) == [
        ("stages.mask_tokenizer.examples", text) for text in texts
    ]
