"""The steps of one cell: each kind creates its own, once, and requests its parents by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from fakes import Loose
from planned import changed

from pali3kit.catalogue import STAGE
from pali3kit.errors import RegistryError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind


@pytest.fixture
def cell(experiment):
    return CellSteps(experiment, 7)


def test_a_step_that_is_asked_for_twice_is_the_same(cell):
    assert cell.step("tokenizer") is cell.step("tokenizer")
    assert cell.step("language").parents["tokenizer"] is cell.step("tokenizer")


def test_several_of_a_kind_are_distinguished_by_arguments(cell):
    train, test = (cell.step("features", split=split, tuned=None) for split in ("train", "test"))
    assert train is not test and train is cell.step("features", tuned=None, split="train")


def test_cells_share_no_steps_but_their_digests(experiment):
    one, other = (CellSteps(experiment, 7).step("tokenizer") for _ in range(2))
    assert one is not other and one.digest == other.digest


def test_an_unknown_kind_is_reported_with_the_nearest(cell):
    with pytest.raises(RegistryError, match=r"^unknown stage 'visoin'\. Did you mean 'vision'\?$"):
        cell.step("visoin")


@pytest.mark.parametrize(("kind", "seed"), [("vision", 7), ("mask_tokenizer", 7), ("corpus", 0)])
def test_the_seed_is_that_of_kinds_that_draw_at_random(cell, kind, seed):
    assert cell.new(kind, Loose({})).seed == seed


@pytest.mark.parametrize("kind", ["vision", "language", "mask_tokenizer"])
def test_a_stage_with_a_seed_of_its_own_is_that_of_a_run_with_it(experiment, kind):
    """The seed is the step's, and no part of its configuration."""
    own = CellSteps(changed(experiment, {f"stages.{kind}.seed": 0}), 7).step(kind)
    assert own.digest == CellSteps(experiment, 0).step(kind).digest != CellSteps(experiment, 7).step(kind).digest
    assert (own.seed, "seed" in own.plain["training"]) == (0, False)


def test_only_the_stages_that_have_one_take_a_seed_of_their_own(experiment):
    cell = CellSteps(changed(experiment, {"stages.vision.seed": 3}), 7)
    seeds = {kind: cell.step(kind).seed for kind in ("vision", "language", "mask_tokenizer", "multimodal")}
    assert seeds == {"vision": 3, "language": 7, "mask_tokenizer": 7, "multimodal": 7}


def test_a_new_step_is_labelled_by_its_kind_until_the_graph_names_it(cell):
    parent = cell.step("tokenizer")
    step = cell.new("mask_tokenizer", Loose({"a": 1}), tokenizer=parent)
    assert (step.kind, step.label, step.plain) == ("mask_tokenizer", "mask_tokenizer", {"a": 1})
    assert step.parents == {"tokenizer": parent}


def test_a_role_may_be_called_as_an_argument_is(cell):
    parent = cell.step("tokenizer")
    assert set(cell.new("probe", Loose({}), kind=parent, config=parent).parents) == {"kind", "config"}


def test_a_plug_ins_kind_asks_for_ours_and_is_asked_for_by_name(experiment, monkeypatch):
    def make(cell, name):
        return cell.new("hub", Loose({"name": name}), vision=cell.step("vision"))

    hub = StageKind(name="hub", summary="made up", version=1, make=make, seeded=True)
    monkeypatch.setitem(STAGE.found, "hub", (hub, "plugin.kinds:HUB"))
    steps = CellSteps(changed(experiment, {"pretrain": "random"}), 3)
    one, other = (steps.step("hub", name=name) for name in "ab")
    assert one.parents["vision"] is other.parents["vision"] is steps.step("vision")
    assert (one.seed, one.plain) == (3, {"name": "a"}) and one.digest != other.digest
    newer = replace(hub, version=2)
    before = one.digest
    monkeypatch.setitem(STAGE.found, "hub", (newer, "plugin.kinds:HUB"))
    assert CellSteps(changed(experiment, {"pretrain": "random"}), 3).step("hub", name="a").digest != before


@dataclass(kw_only=True)
class Neighbours:
    count: int = 20
    seed: str = "tuple"  # means something else than ours


def test_a_plug_in_reads_its_section_with_its_type(experiment):
    cell = CellSteps(experiment, 0)
    cell.experiment.stages.neighbours = Neighbours(count=3)
    assert cell.options("neighbours", Neighbours).count == 3
    assert cell._seed("neighbours") == 0
    with pytest.raises(AssertionError):
        cell.options("vision", Neighbours)
