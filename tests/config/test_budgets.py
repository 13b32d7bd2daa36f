"""What a cell asks for, and whether its budgets can be spent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakes
import pytest
from planned import changed

from pali3kit.config import budgets
from pali3kit.config.component import Component, Optimizer
from pali3kit.config.runtime import Runtime, StageRuntime
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import MaskTokenizerTraining, Multimodal, Recipe, ResolutionStep, Transfer
from pali3kit.declared.entry import RegistryEntry
from pali3kit.plan.kinds import finetune, language, lit, multimodal, transfer
from pali3kit.registry import OPTIMIZER

Cell = Callable[..., Experiment]
STEPS = [ResolutionStep(image_size=96, examples=40)]


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """The fake experiment with other values at dotted keys."""
    return lambda **changes: changed(fakes.experiment(tmp_path), changes)


@pytest.mark.parametrize(
    ("evaluate", "known"),
    [(["probe", "vqav2"], ["probe", "vqav2"]), (["probe", "vqaa"], ["probe"]), ([], [])],
)
def test_unknown_benchmarks_are_told_elsewhere(cell: Cell, evaluate: list[str], known: list[str]) -> None:
    assert budgets.known_benchmarks(cell(evaluate=evaluate)) == known


@pytest.mark.parametrize(
    ("evaluate", "generates"),
    [(["probe", "vqav2"], True), (["probe", "denoising"], False), (["vqaa"], False), (["coco"], True)],
)
def test_who_needs_palis_answers(cell: Cell, evaluate: list[str], generates: bool) -> None:
    assert budgets.generates_text(cell(evaluate=evaluate)) is generates


@pytest.mark.parametrize(
    ("steps", "start", "after", "wanted"),
    [
        (STEPS, "resolution", ["transfer"], True),
        (STEPS, "multimodal", ["resolution"], True),
        (STEPS, "multimodal", ["transfer"], False),  # a scale has steps for those who want them
        ([], "resolution", ["resolution"], False),
    ],
)
def test_who_needs_stage_2(cell: Cell, steps: list[ResolutionStep], start: str, after: list[str], wanted: bool) -> None:
    told = {"stages.resolution.steps": steps, "stages.transfer.start": start, "evaluation.after": after}
    assert budgets.has_stage_2(cell(**told)) is wanted


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({"evaluate": ["probe", "zero_shot"]}, True),
        ({"evaluate": ["retrieval"], "evaluation.text_tower": "own"}, False),
        ({"evaluate": ["retrieval"], "model.dual_encoder": Component(name="hf/x")}, False),
        ({"evaluate": ["probe"]}, False),
    ],
)
def test_who_needs_a_tuned_text_tower(cell: Cell, changes: dict[str, Any], needs: bool) -> None:
    assert lit._needs_lit(cell(**changes)) is needs


def test_which_benchmarks_read_texts(cell: Cell) -> None:
    asked = cell(evaluate=["zero_shot", "vqav2", "retrieval"])
    assert budgets.benchmarks_with_text_tower(asked) == ["zero_shot", "retrieval"]


def test_who_trains_a_stage_for_itself(cell: Cell) -> None:
    assert finetune._benchmark(cell(evaluate=["probe", "finetune"])) == "finetune"
    assert finetune._benchmark(cell(evaluate=["probe"])) == ""


@pytest.mark.parametrize(
    ("examples", "given", "texts"),
    [
        (10, False, []),
        (9, False, ["stages.mask_tokenizer.examples: 9 examples are less than one batch of 10"]),
        (9, True, ["stages.mask_tokenizer.examples: 9 examples are less than one batch of 10"]),
        (0, False, ["stages.mask_tokenizer.examples should be at least 1, not 0."]),
        (0, True, []),
    ],
)
def test_examples_fill_a_batch(examples: int, given: bool, texts: list[str]) -> None:
    found = list(budgets.check_budget("mask_tokenizer", MaskTokenizerTraining(examples=examples, batch_size=10), given))
    assert found == [("stages.mask_tokenizer.examples", text) for text in texts]


@pytest.mark.parametrize(
    ("examples", "texts"),
    [
        (10, []),
        (9, ["stages.lit.examples: 9 examples are less than one batch of 10"]),
        (0, ["benchmark 'retrieval' needs the stage lit, which has no examples: set stages.lit.examples."]),
    ],
)
def test_what_a_benchmark_needs_has_examples(examples: int, texts: list[str]) -> None:
    found = list(
        budgets.check_budget("lit", MaskTokenizerTraining(examples=examples, batch_size=10), needed_by="retrieval")
    )
    assert [text for _, text in found] == texts


@pytest.mark.parametrize(
    ("ranks", "strategy", "optimizer", "keys"),
    [
        (1, "fsdp", "muon", []),
        (2, "ddp", "muon", []),
        (2, "fsdp", "muon", ["stages.mask_tokenizer.optimizer.name"]),
        (2, "fsdp", "adamw", []),
        (3, "ddp", "muon", ["runtime.devices"]),
        (3, "fsdp", "adafactor", ["runtime.devices", "stages.mask_tokenizer.optimizer.name"]),
    ],
)
def test_what_ranks_can_share(cell: Cell, ranks: int, strategy: str, optimizer: str, keys: list[str]) -> None:
    section = MaskTokenizerTraining(examples=10, batch_size=10, optimizer=Optimizer(name=optimizer))
    asked = cell(**{"runtime.devices": ranks, "runtime.strategy": strategy})
    assert [key for key, _ in budgets.check_devices(asked, "mask_tokenizer", section)] == keys


@pytest.mark.parametrize(
    ("runtime", "key", "text"),
    [
        (Runtime(devices=3), "runtime.devices", "3 ranks do not divide the batch of 10 of stages.vision; nearest: 2, by"
                                                " runtime.stages.vision.devices"),
        (Runtime(stages={"vision": StageRuntime(devices=4)}), "runtime.stages.vision.devices", "nearest: 5, by"),
        (Runtime(devices=2, stages={"vision": StageRuntime(nodes=3)}), "runtime.stages.vision.nodes",
         "6 ranks do not divide the batch of 10 of stages.vision; nearest: 2, by runtime.stages.vision.nodes"),
        (Runtime(devices=2, nodes=2), "runtime.devices",
         "4 ranks do not divide the batch of 10 of stages.vision; nearest: 1, by runtime.stages.vision.devices"),
        (Runtime(devices=3, stages={"vision": StageRuntime(devices=5)}), "", ""),
        (Runtime(devices=5, stages={"lit": StageRuntime(devices=3)}), "", ""),
    ],
)  # fmt: skip
def test_the_key_that_must_change_is_named(cell: Cell, runtime: Runtime, key: str, text: str) -> None:
    section = MaskTokenizerTraining(examples=10, batch_size=10)
    found = list(budgets.check_devices(cell(runtime=runtime), "vision", section))
    assert [each for each, _ in found] == [key] * bool(key)
    assert all(text in told for _, told in found)


@pytest.mark.parametrize(
    ("optimizer", "texts"),
    [
        ("muon", ["muon works on whole matrices, but fsdp shards them: use adamw."]),
        ("silent", ["silent does not declare elementwise=True and may work on whole matrices, but fsdp shards"
                    " them: use adamw."]),
        ("signs", []),
        ("unknown", []),  # told elsewhere
    ],
)  # fmt: skip
def test_optimizers_tell_whether_matrices_may_be_sharded(
    cell: Cell, monkeypatch: pytest.MonkeyPatch, optimizer: str, texts: list[str]
) -> None:
    OPTIMIZER.names()
    for entry in (RegistryEntry("silent", "theirs:silent"), RegistryEntry("signs", "theirs:signs", elementwise=True)):
        monkeypatch.setitem(OPTIMIZER._entries, entry.name, entry)
    section = MaskTokenizerTraining(examples=10, batch_size=10, optimizer=Optimizer(name=optimizer))
    asked = cell(**{"runtime.devices": 2, "runtime.strategy": "fsdp"})
    assert [text for _, text in budgets.check_devices(asked, "mask_tokenizer", section)] == texts


@pytest.mark.parametrize(("ranks", "strategy", "told"), [(2, "fsdp", True), (2, "ddp", False), (1, "fsdp", False)])
def test_shards_are_not_validated(cell: Cell, ranks: int, strategy: str, told: bool) -> None:
    """`pali3kit step` asks this too: other numbers of ranks may be launched than the experiment says."""
    section = Transfer(examples=10, batch_size=10, num_validations=1, optimizer=Optimizer(name="adamw"))
    asked = cell(**{"runtime.devices": ranks, "runtime.strategy": strategy})
    found = [key for key, _ in budgets.check_devices(asked, "transfer", section)]
    assert found == ["stages.transfer.num_validations"] * told


def test_a_recipe_has_no_optimizer_of_its_own_to_complain_about(cell: Cell) -> None:
    section = MaskTokenizerTraining(examples=10, batch_size=10)
    asked = cell(**{"runtime.devices": 2, "runtime.strategy": "fsdp"})
    assert list(budgets.check_devices(asked, "transfer.benchmarks.vqav2", section, has_optimizer=False)) == []


@pytest.mark.parametrize(
    ("number", "wanted", "nearest"),
    [(10, 4, 5), (10, 3, 2), (64, 7, 8), (64, 48, 64), (7, 3, 1), (12, 5, 6), (9, 9, 9)],
)
def test_nearest_divisors(number: int, wanted: int, nearest: int) -> None:
    """The larger of two that are as near."""
    assert budgets.nearest_divisor(number, wanted) == nearest


def test_what_a_task_says_of_itself() -> None:
    section = Transfer(examples=10, batch_size=5, benchmarks={"vqav2": 30, "coco": Recipe(beams=4)})
    assert budgets.recipe_of(section, "vqav2") == Recipe(examples=30)
    assert budgets.recipe_of(section, "coco") == Recipe(beams=4)
    assert budgets.recipe_of(section, "refcoco") == Recipe()


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        (30, (30, 5, 0.0, 1e-3, 0.0)),
        (Recipe(), (10, 5, 0.0, 1e-3, 0.0)),
        (Recipe(batch_size=2, label_smoothing=0.1), (10, 2, 0.1, 1e-3, 0.0)),
        (Recipe(learning_rate=0.5, weight_decay=0.1), (10, 5, 0.0, 0.5, 0.1)),
        (Recipe(beams=4), (10, 5, 0.0, 1e-3, 0.0)),
    ],
)
def test_a_recipe_over_what_holds_for_all(said: int | Recipe, numbers: tuple[float, ...]) -> None:
    ours = transfer._recipe(Transfer(examples=10, batch_size=5, benchmarks={"vqav2": said}), "vqav2")
    optimizer = ours.optimizer
    told = ours.examples, ours.batch_size, ours.label_smoothing, optimizer.learning_rate, optimizer.weight_decay
    assert told == numbers and optimizer.name == "muon"


@pytest.mark.parametrize(
    ("mixture", "keys"),
    [
        ({"vqav2": 1.0}, []),
        ({}, ["stages.multimodal.mixture"]),
        ({"vqa": -1.0, "caption": 1.0}, ["stages.multimodal.mixture.vqa"]),
        ({"vqa": -1.0}, ["stages.multimodal.mixture.vqa", "stages.multimodal.mixture"]),
    ],
)
def test_a_mixture_has_something_in_it(cell: Cell, mixture: dict[str, float], keys: list[str]) -> None:
    asked = cell(**{"stages.multimodal": Multimodal(examples=10, batch_size=10, mixture=mixture)})
    assert [key for key, _ in multimodal._mixed(asked)] == keys


@pytest.mark.parametrize(
    ("length", "evaluate", "fits"),
    [(21, ["refcoco"], True), (20, ["refcoco"], False), (20, ["vqav2"], True), (1, ["probe"], True)],
)
def test_a_region_fits_into_a_target(cell: Cell, length: int, evaluate: list[str], fits: bool) -> None:
    """Four coordinates, sixteen mask tokens and the end."""
    asked = cell(**{"stages.multimodal.target_length": length, "evaluate": evaluate})
    assert (list(multimodal._lengths(asked)) == []) is fits


def test_coordinates_of_a_given_vocabulary_may_take_several_tokens(
    cell: Cell, published: Callable[[str], Path]
) -> None:
    """Gemma splits digits: 999 is three of them, and so are the blanks between."""
    asked = cell(**{
        "stages.multimodal.target_length": 21, "tokenizer.vocabulary": None, "evaluate": ["refcocog"],
        "tokenizer.file": str(published("gemma")),
    })  # fmt: skip
    [(key, text)] = multimodal._lengths(asked)
    assert key == "stages.multimodal.target_length"
    assert text.startswith("target_length 21 cannot hold what refcocog asks for: 4 coordinates, 16 mask tokens and ")
    assert int(text.rpartition(" ")[2]) > 4 * 3 + 16 + 1


@pytest.mark.parametrize(("length", "fits"), [(603, True), (604, False)])
def test_each_span_finds_a_sentinel(cell: Cell, length: int, fits: bool) -> None:
    """Half of the tokens are in spans of three on average: 100 sentinels last for 603."""
    assert (list(language._windows(cell(**{"stages.language.length": length}))) == []) is fits


@pytest.mark.parametrize("stage", ["multimodal", "resolution"])
@pytest.mark.parametrize(("weight", "temperature", "fits"), [(2, 1e-3, True), (2, 1e-4, False), (0.5, 1e-4, False)])
def test_weights_are_numbers_to_draw_by(
    tmp_path: Path, stage: str, weight: float, temperature: float, fits: bool
) -> None:
    section = {f"stages.{stage}.mixture": {"ocr": weight}, f"stages.{stage}.temperature": temperature}
    told = f"stages.{stage}.temperature: weights to the power of 1 / 0.0001 are no numbers to draw by."
    found = list(multimodal._mixed(changed(fakes.experiment(tmp_path), section)))
    assert found == ([] if fits else [(f"stages.{stage}.temperature", told)])
