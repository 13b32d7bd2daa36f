from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import pali3kit as pk

PUBLIC = [
    "Experiment", "PaLI", "World", "create_captioned", "create_labelled", "create_language", "create_masks",
    "create_projector", "create_source", "create_towers", "create_vision", "evals", "list_captioned", "list_labelled",
    "list_language", "list_masks", "list_projector", "list_source", "list_towers", "list_vision", "load_experiment",
    "metrics",
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
    assert pk.list_towers() == ["hf/", "open_clip/"]


@pytest.mark.parametrize("name", pk.evals.__all__)
def test_every_evaluator_loads(name: str) -> None:
    assert getattr(pk.evals, name) is not None


def test_no_evaluator_has_the_name_of_a_module() -> None:
    """Whoever imports `pali3kit.evals.x` sets the attribute `x` of the package: the module would hide the function."""
    modules = {module.name for module in pkgutil.iter_modules(pk.evals.__path__)}
    assert modules.isdisjoint(pk.evals.__all__)
