"""Configurations as plain JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from pali3kit.config.component import Component, Optimizer
from pali3kit.config.stages import Finetune, Lit, Multimodal, VisionPretraining
from pali3kit.plan.plain import StageConfig, _plain, component_json


def test_neutral_options_are_left_out():
    part = Component(name="vit", options={"width": 8, "weights": None, "allow": []})
    assert component_json(part) == {"name": "vit", "width": 8}
    assert component_json(Component(name="vit", options={"weights": "a.npz"})) == {"name": "vit", "weights": "a.npz"}


def test_a_section_leaves_out_neutral_and_unread_options():
    section = Lit(
        examples=8, optimizer=Optimizer(cooldown=0.5), text=Component(name="siglip_text", options={"width": 8})
    )
    told = _plain(section, without={"source"})
    assert told["optimizer"]["cooldown"] == 0.5 and "source" not in told
    assert told["text"] == {"name": "siglip_text", "width": 8}
    assert "cooldown" not in _plain(Optimizer())


def test_a_field_that_holds_its_default_is_left_out():
    @dataclass(frozen=True, kw_only=True)
    class Config(StageConfig):
        always: int | None
        seldom: str = ""
        sets: tuple[str, ...] = field(default_factory=tuple)

    assert Config(always=None).plain() == {"always": None}
    assert Config(always=1, seldom="x", sets=("a",)).plain() == {"always": 1, "seldom": "x", "sets": ["a"]}


@dataclass(frozen=True, kw_only=True)
class Trained(StageConfig):
    UNREAD: ClassVar[frozenset[str]] = frozenset({"source"})

    training: Lit


def test_what_a_kind_does_not_read_of_its_section_is_left_out():
    world = Component(name="world")
    told = Trained(training=Lit(examples=8, source=world)).plain()["training"]
    assert "source" not in told and told["examples"] == 8
    assert _plain(Lit(examples=8, source=world))["source"] == {"name": "world"}


def test_what_is_not_read_may_depend_on_the_configuration():
    @dataclass(frozen=True, kw_only=True)
    class Config(Trained):
        texts: bool = True

        def unread(self):
            return {"text", "bias"} if not self.texts else {"text"}

    assert "bias" in Config(training=Lit()).plain()["training"]
    assert "bias" not in Config(training=Lit(), texts=False).plain()["training"]


@pytest.mark.parametrize(
    ("section", "key", "kept"),
    [
        (Multimodal(examples=1, batch_size=1), "temperature", False),
        (Multimodal(examples=1, batch_size=1, temperature=2.0), "temperature", True),
        (VisionPretraining(examples=1, batch_size=1, temperature=1.0), "temperature", True),  # SigLIP's is another
        (Optimizer(), "options", False),
        (Optimizer(options={"momentum": 0.9}), "options", True),
        (Finetune(), "image_size", False),
        (Finetune(image_size=64), "image_size", True),
    ],
)
def test_neutral_values_are_neutral_for_their_owner(section, key, kept):
    assert (key in _plain(section)) is kept


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Component(name="pairs", options={"language": "en", "path": "a.tar"}), {"name": "pairs", "path": "a.tar"}),
        (Component(name="tsv", options={"language": "en"}), {"name": "tsv", "language": "en"}),
        (Component(name="world", options={"english": 0.75}), {"name": "world"}),
        (Component(name="ul2", options={"size": None, "width": 8}), {"name": "ul2", "width": 8}),
        (Component(name="vit", options={"size": None, "width": 8}), {"name": "vit", "size": None, "width": 8}),
    ],
)
def test_neutral_options_are_neutral_for_their_component(part, told):
    assert component_json(part) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ((1, 2), [1, 2]),
        ({"a": (1,)}, {"a": [1]}),
        ([Component(name="x"), None], [{"name": "x"}, None]),
        (
            {"parts": {"a": Component(name="tsv", options={"path": "a"})}},
            {"parts": {"a": {"name": "tsv", "path": "a"}}},
        ),
        ("text", "text"),
        (0.5, 0.5),
    ],
)
def test_any_value_becomes_json(value, told):
    assert _plain(value) == told


def test_a_configuration_is_plain_json_all_through():
    config = Trained(training=Lit(examples=8, text=Component(name="siglip_text", options={"width": 8})))
    assert json.loads(json.dumps(config.plain())) == config.plain()
