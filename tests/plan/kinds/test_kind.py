"""Properties of every kind of stage."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

import pytest
from fakes import Loose
from planned import digests

from pali3kit.catalogue import STAGE
from pali3kit.config.stages import MaskTokenizerTraining, Stages, Training
from pali3kit.errors import RegistryError
from pali3kit.plan.graph import build
from pali3kit.plan.kinds import kind as kinds
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step

if TYPE_CHECKING:
    from pathlib import Path as OnlyForTypeCheckers

ALL = STAGE.names()


def make(cell):
    raise AssertionError("no step is made here")


def a_kind(**told):
    return StageKind(**{"name": "mine", "summary": "made up", "version": 1, "make": make, **told})


def test_a_built_in_kind_is_run_by_the_module_of_its_name():
    assert a_kind().target == "pali3kit.training.stages.mine"
    assert a_kind(module="plugin.stages.mine").target == "plugin.stages.mine"


def test_a_kind_of_which_little_is_said_is_the_simplest():
    """It is not seeded, runs in one process, is no stage of the paper, and has no checks."""
    mine = a_kind()
    step = Step("mask_tokenizer", "mask_tokenizer", Loose({}))
    assert not (
        mine.seeded or mine.distributed or mine.microbatched or mine.gradient_checkpointing or mine.encoder_alone
    )
    assert (mine.stage, mine.title, mine.detail(step), mine.panel(step), mine.units(step)) == ("", "", "", "", 1)
    assert list(mine.check(None)) == []


@dataclass(kw_only=True)
class Readable:
    sizes: tuple[int, ...] = (1, 2)
    way: Literal["one", "two"] | None = None


@dataclass(kw_only=True)
class Needy:
    size: int


@dataclass(kw_only=True)
class Pathlike:
    path: PurePath | None = None


@dataclass(kw_only=True)
class Unknown:
    path: OnlyForTypeCheckers | None = None


def test_options_that_a_file_can_give_are_taken():
    assert a_kind(options=Readable).options is Readable


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (Needy, r"^stage 'mine': its option 'size' needs a default\.$"),
        (Pathlike, r"^stage 'mine': YAML cannot express its option 'path: PurePath \| None'\. Choose from int, "),
        (Unknown, r"^stage 'mine': the types of its options cannot be read, name 'OnlyForTypeCheckers' is not defined: "
                  "import what they name outside of TYPE_CHECKING"),
    ],
)  # fmt: skip
def test_options_that_no_file_can_give_are_refused(options, text):
    with pytest.raises(RegistryError, match=text):
        a_kind(options=options)


def test_kinds_are_frozen():
    with pytest.raises(AttributeError):
        a_kind().version = 2


@dataclass(frozen=True, kw_only=True)
class Trained(StageConfig):
    training: Training | None = None


@pytest.mark.parametrize(
    ("training", "units"),
    [
        (None, 1),
        (MaskTokenizerTraining(examples=0, batch_size=10), 1),  # no training, but at least one unit
        (MaskTokenizerTraining(examples=640, batch_size=10), 640),
    ],
)
def test_work_is_counted_in_training_examples(training, units):
    assert kinds._examples(Step("mask_tokenizer", "mask_tokenizer", Trained(training=training))) == units


@pytest.mark.parametrize("name", ALL)
def test_each_kind_stands_in_the_file_of_its_name(name):
    module = import_module(f"pali3kit.plan.kinds.{name}")
    found, origin = STAGE.found[name]
    assert origin == f"pali3kit.plan.kinds.{name}:KIND"
    assert replace(found, module="") == module.KIND  # the fakes run some kinds here
    assert module.KIND.name == name and module.KIND.summary and module.KIND.version >= 1
    assert module.KIND.seconds > 0


@pytest.mark.parametrize("name", ALL)
def test_each_kind_has_a_frozen_configuration(name):
    config = import_module(f"pali3kit.plan.kinds.{name}").Config
    assert is_dataclass(config) and issubclass(config, StageConfig)
    assert config.__dataclass_params__.frozen and all(field.kw_only for field in fields(config))


@pytest.mark.parametrize("name", ALL)
def test_each_kind_is_run_by_a_module_that_takes_its_configuration(name):
    """The fakes run some kinds here; the others run by the module of their name."""
    module = import_module(f"pali3kit.training.stages.{name}")
    assert module.run.__annotations__["config"] == "Config"
    assert module.Config is import_module(f"pali3kit.plan.kinds.{name}").Config
    if calibrate := getattr(module, "calibrate", None):
        assert list(calibrate.__annotations__) == ["config", "sizes", "return"]


def test_the_stages_of_the_paper():
    places = {name: STAGE.find(name).stage for name in ALL if STAGE.find(name).stage}
    assert places == {"vision": "0a", "language": "0b", "mask_tokenizer": "0c", "multimodal": "1", "resolution": "2",
                      "transfer": "3"}  # fmt: skip


def test_what_can_be_measured_after_which_stage():
    assert {name: STAGE.find(name).title for name in ALL if STAGE.find(name).title} == {
        "multimodal": "After stage 1", "resolution": "After stage 2", "transfer": "After transfer",
    }  # fmt: skip


def test_kinds_with_a_section_of_their_own_are_named_as_it_is():
    sections = {field.name for field in fields(Stages)}
    assert sections <= set(ALL)


def test_what_is_shared_among_ranks():
    assert {name for name in ALL if STAGE.find(name).distributed} == {
        "vision", "language", "multimodal", "resolution", "transfer", "lit", "finetune",
        "features", "embed", "evaluate", "denoising",
    }  # fmt: skip


def test_batches_are_cut_into_microbatches_where_target_tokens_are_counted():
    assert {name for name in ALL if STAGE.find(name).microbatched} == {
        "language", "multimodal", "resolution", "transfer",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["tokenizer", "vision", "mask_tokenizer", "corpus", "language", "features",
                                  "multimodal", "transfer", "embed", "probe", "evaluate"])  # fmt: skip
def test_a_newer_version_makes_another_step_and_what_follows_too(experiment, monkeypatch, name):
    before = digests(build(experiment))
    found, origin = STAGE.found[name]
    monkeypatch.setitem(STAGE.found, name, (replace(found, version=found.version + 1), origin))
    graph = build(experiment)
    after = {step.label for step in graph.steps if step.digest not in before.values()}
    assert {step.label for step in graph.steps if step.kind == name} <= after

    def follows(step):
        return step.kind == name or any(map(follows, step.parents.values()))

    assert after == {step.label for step in graph.steps if follows(step)}


@pytest.mark.parametrize("name", ALL)
def test_what_draws_nothing_at_random_is_one_step_for_all_seeds(name):
    """Tokenizers, features and evaluations are; trainings and the probe's shots are not."""
    drawn = {
        "vision", "language", "mask_tokenizer", "multimodal", "resolution", "transfer", "lit", "finetune", "linear",
        "probe",
    }  # fmt: skip
    assert STAGE.find(name).seeded is (name in drawn)
