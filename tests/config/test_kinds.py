from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from pali3kit.catalogue import STAGE
from pali3kit.config import kinds
from pali3kit.config.component import Component, Optimizer
from pali3kit.config.kinds import exists, hints, is_section, keys, readable, registry_of
from pali3kit.config.load import load
from pali3kit.config.merge import _below
from pali3kit.config.schema import Experiment, Model
from pali3kit.config.stages import Finetune, Stages
from pali3kit.config.written import written
from pali3kit.errors import ConfigError, RegistryError
from pali3kit.registry import KINDS
from pali3kit.types import TypeForm


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("pretrain", True),
        ("model.projector", True),
        ("model.vision.width", True),
        ("model.vision.width.deeper", False),
        ("stages.multimodal.mixture.ocr", True),
        ("stages.vison.examples", False),
        ("pretrain.deeper", False),
        ("seeds.deeper", False),
    ],
)
def test_exists(key: str, there: bool) -> None:
    assert exists(Experiment, key) is there


@pytest.mark.parametrize(
    "kind",
    [int, float | None, int | str, Any, Literal["a", 2], Literal["a"] | None, list[int], list[list[str]] | None,
     tuple[int, ...], tuple[float, ...] | None, dict[str, list[int]], Component, Component | None, Optimizer, Finetune,
     Finetune | None, Experiment],
)  # fmt: skip
def test_what_a_file_can_give(kind: TypeForm) -> None:
    assert readable(kind)


@pytest.mark.parametrize(
    "kind",
    [Path, Path | None, list, tuple, tuple[int, str], tuple[int], list[Path], dict[int, str], set[int], bytes,
     list[int] | int, list[int] | list[str] | None, list[set[int]], Sequence[int]],
)  # fmt: skip
def test_what_no_file_can_give(kind: TypeForm) -> None:
    assert not readable(kind)


def test_keys_are_dotted_and_all_exist() -> None:
    found = keys(Experiment)
    assert {"name", "stages", "stages.vision.optimizer.beta2", "model.vision"} <= set(found)
    assert all(exists(Experiment, key) for key in found)


def test_below() -> None:
    assert _below(Experiment, "model") is Model
    assert _below(dict[str, float], "anything") is float
    assert _below(Component, "width") is Any
    assert _below(Experiment, "nonsense") is Any
    assert is_section(Model)
    assert not is_section(Component)


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("stages.vision.optimizer.name", True),
        ("stages.vision.optimizer.momentum", True),  # it will be judged there
        ("stages.vision.optimizer.momentum.deeper", False),
    ],
)
def test_an_option_of_an_optimizer_may_be_set(key: str, there: bool) -> None:
    assert exists(Experiment, key) is there


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("model.vision", "vision"),
        ("model.dual_encoder", "dual_encoder"),
        ("data.source", "source"),
        ("data.source.parts.coco", "source"),
        ("stages.vision.text", "text_tower"),
        ("stages.lit.text", "text_tower"),
        ("stages.mask_tokenizer.source", "source"),
        ("evaluation.probes.mine", "labelled"),
        ("evaluation.captioned", "captioned"),
    ],
)
def test_a_component_is_of_its_keys_registry(key: str, registry: str) -> None:
    assert registry_of(key) == registry and registry in KINDS


def test_where_no_component_stands_there_is_no_registry() -> None:
    with pytest.raises(KeyError, match=r"stages\.vision"):
        registry_of("stages.vision")


def test_every_component_of_the_schema_knows_its_registry() -> None:
    found = [key for key in keys(Experiment) if key not in ("name",) and kinds.is_component(_declared(key))]
    assert len(found) >= 12 and all(registry_of(key) in KINDS for key in found)


def _declared(key: str) -> Any:
    declared: Any = Experiment
    for head in key.split("."):
        declared = hints(declared)[head]
    return declared


@dataclass(kw_only=True)
class Hub:
    """Options of a plug-in's stage."""

    images: int = 5


@dataclass(kw_only=True)
class Strict:
    """Options without a default."""

    images: int


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Adds a kind of stage with options."""

    def add(options: type) -> None:
        kind = replace(STAGE.find("mask_tokenizer"), name="hub", options=options, check=lambda cell: iter(()))
        monkeypatch.setitem(STAGE.found, "hub", (kind, "plugin.kinds:HUB"))
        forget()

    def forget() -> None:
        kinds.hints.cache_clear()
        kinds._with_plugins.cache_clear()

    yield add
    monkeypatch.undo()
    forget()


def test_a_plug_ins_stage_has_a_section_of_its_own(plugged: Any, trial: Path) -> None:
    plugged(Hub)
    assert exists(Experiment, "stages.hub.images") and not exists(Experiment, "stages.hub.imags")
    stages: Any = load("x.yaml", ["stages.hub.images=7"]).stages
    assert stages.hub == Hub(images=7) and isinstance(stages, Stages)
    assert written(stages)["hub"] == {"images": 7}


def test_its_section_may_be_left_out_where_all_has_defaults(plugged: Any, trial: Path) -> None:
    plugged(Hub)
    stages: Any = load("x.yaml").stages
    assert stages.hub == Hub()


def test_its_keys_are_judged_as_ours_are(plugged: Any, trial: Path) -> None:
    plugged(Hub)
    with pytest.raises(ConfigError, match=r"stages\.hub\.images should be an integer, not the text 'many'\."):
        load("x.yaml", ["stages.hub.images=many"])
    with pytest.raises(ConfigError, match=r"unknown key 'stages\.hub\.imags'\. Did you mean 'images'\?"):
        load("x.yaml", ["stages.hub={images: 3, imags: 4}"])


def test_a_section_must_be_one_that_can_be_left_out(plugged: Any) -> None:
    with pytest.raises(RegistryError, match=r"stage 'hub': its option 'images' needs a default\."):
        plugged(Strict)


def test_without_plug_ins_the_sections_are_the_schemas() -> None:
    assert hints(Experiment)["stages"] is Stages
    assert is_section(Finetune) and is_section(Optimizer)
