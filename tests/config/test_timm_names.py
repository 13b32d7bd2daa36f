"""The names of timm's models without importing it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pali3kit.config import timm_names as module
from pali3kit.config.load import load
from pali3kit.config.timm_names import timm_names
from pali3kit.errors import ConfigError


def test_they_are_those_of_its_registry() -> None:
    timm = pytest.importorskip("timm")
    assert timm_names() >= set(timm.list_models())
    assert {name for name in timm_names() if not timm.is_model(name)} == set()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("timm/vit_tinyy_patch16_224",
         "timm has no model 'vit_tinyy_patch16_224'. Did you mean 'vit_tiny_patch16_224'?"),
        ("timm/vit_tinyy_patch16_224.augreg",
         "timm has no model 'vit_tinyy_patch16_224'. Did you mean 'vit_tiny_patch16_224'?"),
        ("timm/vit_tiny_patch16_224.augreg_in21k", ""),
        ("timm/resnet18", ""),
    ],
)  # fmt: skip
def test_a_name_that_timm_has_not_is_refused(name: str, told: str, trial: object) -> None:
    if not told:
        load("x.yaml", [f"model.vision={name}"])
        return
    with pytest.raises(ConfigError) as error:
        load("x.yaml", [f"model.vision={name}"])
    assert told in str(error.value)


def test_without_timm_any_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    timm_names.cache_clear()
    try:
        assert timm_names() == frozenset()
        cell = SimpleNamespace(model=SimpleNamespace(vision=SimpleNamespace(name="timm/any")))
        assert [*module.check_timm_name(cell)] == []  # type: ignore[arg-type]
    finally:
        timm_names.cache_clear()
