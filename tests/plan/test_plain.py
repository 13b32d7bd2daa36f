"""Configurations as plain JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from pali3kit.config.part import Optimizer, Part
from pali3kit.config.stages import Lit
from pali3kit.plan.plain import StageConfig, named, plain


def test_options_that_say_nothing_change_nothing():
    part = Part(name="vit", options={"width": 8, "weights": None, "allow": []})
    assert named(part) == {"name": "vit", "width": 8}
    assert named(Part(name="vit", options={"weights": "a.npz"})) == {"name": "vit", "weights": "a.npz"}


def test_a_section_leaves_out_what_says_nothing_and_what_is_not_read():
    section = Lit(examples=8, optimizer=Optimizer(cooldown=0.5), text=Part(name="siglip_text", options={"width": 8}))
    told = plain(section, without={"source"})
    assert told["optimizer"]["cooldown"] == 0.5 and "source" not in told
    assert told["text"] == {"name": "siglip_text", "width": 8}
    assert "cooldown" not in plain(Optimizer())


def test_a_field_that_holds_its_default_is_left_out():
    @dataclass(frozen=True, kw_only=True)
    class Config(StageConfig):
        always: int | None
        seldom: str = ""
        sets: tuple[str, ...] = field(default_factory=tuple)

    assert Config(always=None).plain() == {"always": None}
    assert Config(always=1, seldom="x", sets=("a",)).plain() == {"always": 1, "seldom": "x", "sets": ["a"]}
