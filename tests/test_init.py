from __future__ import annotations

import pkgutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import pytest

import pali3kit as pk
from pali3kit.errors import RegistryError

PUBLIC = [
    "Classifier", "ClassifierModule", "DenoisingModule", "Experiment", "MaskTokenizerModule", "MixtureDataModule",
    "PaLI", "PaLIModel", "PaLIModule", "PretrainingDataModule", "SigLIPModule", "TextTower", "Tokenizer", "TwoTowers",
    "World", "create_captioned", "create_dual_encoder", "create_labelled", "create_language", "create_mask_tokenizer",
    "create_projector", "create_source", "create_vision", "evals", "list_captioned", "list_dual_encoder",
    "list_labelled", "list_language", "list_mask_tokenizer", "list_projector", "list_source", "list_vision", "load",
    "load_experiment", "losses", "metrics", "prompts", "video_frames",
]  # fmt: skip


def test_the_public_surface_is_frozen() -> None:
    assert pk.__all__ == PUBLIC
    assert dir(pk) == [*PUBLIC, "__version__"] or set(dir(pk)) == {*PUBLIC, "__version__"}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(pk, name) is not None


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'pali3kit' has no attribute 'nonsense'"):
        _ = pk.nonsense


def test_importing_costs_nothing() -> None:
    code = "import sys, pali3kit; print('torch' in sys.modules, 'yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_lists_match_patterns() -> None:
    assert pk.list_vision("v*") == ["vit"]
    assert pk.list_language("nothing*") == []


def test_parts_are_created_by_name() -> None:
    encoder = pk.create_vision("vit", image_size=32, width=16, depth=1, heads=2, mlp=32, patch=16)
    projector = pk.create_projector("linear", encoder.width, 24)
    assert (encoder.width, projector.linear.out_features) == (16, 24)


def test_sets_are_created_by_name() -> None:
    assert pk.create_labelled("world_classes", objects=8, test=2).size("test") == 2
    assert pk.create_captioned("world_captions", test=2).size("test") == 2
    assert pk.list_labelled("d*") == ["dtd"] and pk.list_captioned("x*") == ["xm3600"]
    assert pk.list_dual_encoder() == ["hf/", "open_clip/"]


@pytest.mark.parametrize("room", ["evals", "losses", "metrics", "report"])
def test_packages_export_public_names_only(room: str) -> None:
    module = import_module(f"pali3kit.{room}")
    assert dir(module) == sorted(module.__all__)
    assert all(getattr(module, name) is not None for name in dir(module))


@pytest.mark.parametrize(
    ("create", "arguments", "text"),
    [
        (pk.create_vision, ("vit",), "vision 'vit' needs the option 'image_size'."),
        (pk.create_projector, ("linear", 3), "projector 'linear' needs the option 'language_width'."),
        (pk.create_projector, ("linear",), "projector 'linear' needs the options 'vision_width', 'language_width'."),
        (pk.create_language, ("ul2",), "language 'ul2' needs the option 'vocabulary'."),
        (pk.create_labelled, ("pets",), "labelled 'pets' needs the option 'path'."),
        (pk.create_captioned, ("xm3600",), "captioned 'xm3600' needs the options 'path', 'images'."),
        (pk.create_source, ("vqa",), "source 'vqa' needs the options 'path', 'images'."),
        (pk.create_source, ("folder",), "source 'folder' needs the option 'path'."),
        (
            pk.create_mask_tokenizer,
            ("vqvae", *range(99)),
            "mask_tokenizer 'vqvae' cannot be built: too many positional arguments.",
        ),
    ],
)
def test_what_is_missing_is_named(create: Callable[..., object], arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(RegistryError) as refused:
        create(*arguments)
    assert str(refused.value) == text


@pytest.mark.parametrize("name", pk.evals.__all__)
def test_every_evaluator_loads(name: str) -> None:
    assert getattr(pk.evals, name) is not None


def test_no_evaluator_has_the_name_of_a_module() -> None:
    """Importing `pali3kit.evals.x` sets the attribute `x` of the package, which would hide the function."""
    modules = {module.name for module in pkgutil.iter_modules(pk.evals.__path__)}
    assert modules.isdisjoint(pk.evals.__all__)
