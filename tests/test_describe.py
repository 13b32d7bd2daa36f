from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pali3kit.catalogue import STAGE
from pali3kit.declared.entry import RegistryEntry
from pali3kit.describe import describe_component


@dataclass
class Neighbours:
    """How many vote."""

    count: int = 20
    by: Literal["cosine", "distance"] = "cosine"


def test_options_that_a_dataclass_keeps_as_text_are_shown() -> None:
    entry = RegistryEntry("neighbours", "plugin.neighbours:KIND", "votes", given=None, section=Neighbours)
    assert describe_component("stage", entry) == (
        "stage/neighbours: votes\n  from plugin.neighbours:KIND\n  How many vote.\n  keys of stages.neighbours:\n"
        "    count           int, default 20\n    by              'cosine' | 'distance', default cosine"
    )


def test_a_built_in_stage_shows_its_section() -> None:
    told = describe_component("stage", STAGE.describe("vision"))
    assert "      loss: the classifier's loss, `sigmoid` or `softmax`." in told
    assert "  keys of stages.vision:\n" in told
    assert "    optimizer       Optimizer, default muon\n" in told
    assert "    text            Component, default siglip_text\n" in told
    assert "keys" not in describe_component("stage", STAGE.describe("knn"))


@dataclass
class Long:
    a_name_that_is_longer_than_most: int = 1
    b: int = 2


def test_columns_do_not_touch() -> None:
    told = describe_component("stage", RegistryEntry("long", "plugin.long:KIND", given=None, section=Long)).splitlines()
    assert told[-2:] == [
        "    a_name_that_is_longer_than_most  int, default 1",
        "    b                                int, default 2",
    ]
