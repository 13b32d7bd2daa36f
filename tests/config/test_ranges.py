from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path

import pytest

from pali3kit.config.component import Optimizer
from pali3kit.config.kinds import hints, is_section
from pali3kit.config.load import load
from pali3kit.config.ranges import RANGES, _Range, out_of_range
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Stages
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import ConfigError
from pali3kit.registry import PROJECTOR

FREE = {"bias", "head_bias"}  # any number will do


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("data.train=0", "data.train should be at least 1, not 0."),
        ("tokenizer.bins=1001", "tokenizer.bins should be between 2 and 1000, not 1001."),
        ("tokenizer.bins=1", "tokenizer.bins should be between 2 and 1000, not 1."),
        ("stages.mask_tokenizer.optimizer.learning_rate=0",
         "stages.mask_tokenizer.optimizer.learning_rate should be more than 0, not 0.0."),
        ("stages.mask_tokenizer.optimizer.beta2=1",
         "stages.mask_tokenizer.optimizer.beta2 should be at least 0 and less than 1, not 1.0."),
        ("stages.vision.text_length=-3", "stages.vision.text_length should be at least 1, not -3."),
        ("model.language.dropout=1.0", "model.language.dropout should be at least 0 and less than 1, not 1.0."),
        ("model.mask_tokenizer.codes=0", "model.mask_tokenizer.codes should be at least 1, not 0."),
        ("data.train=1000000000001", "data.train should be at most 1,000,000,000,000, not 1000000000001."),
        ("model.language.mlp=1000000001", "model.language.mlp should be at most 1,000,000,000, not 1000000001."),
        ("stages.vision.bias=-1e13", "stages.vision.bias should be at most 1,000,000,000,000, not -10000000000000.0."),
        ("stages.multimodal.mixture.ocr=1e300",
         "stages.multimodal.mixture.ocr should be at most 1,000,000,000,000, not 1e+300."),
        ("evaluation.crop=1e-9", "evaluation.crop should be between 0.01 and 1, not 1e-09."),
        ("runtime.parallel_stages=-1", "runtime.parallel_stages should be at least 0, not -1."),
        ("stages.vision.seed=-1", "stages.vision.seed should be between 0 and 4294967295, not -1."),
        ("stages.language.seed=4294967296",
         "stages.language.seed should be between 0 and 4294967295, not 4294967296."),
        ("stages.mask_tokenizer.seed=-2", "stages.mask_tokenizer.seed should be between 0 and 4294967295, not -2."),
        ("stages.vision.source={name: world, labels_per_image: 0.9}",
         "stages.vision.source.labels_per_image should be between 1 and 2.24, not 0.9."),
        ("data.source={name: world, labels_per_image: 3}",
         "data.source.labels_per_image should be between 1 and 2.24, not 3.0."),
        ("stages.vision.source={name: world, wrong_labels: 1.1}",
         "stages.vision.source.wrong_labels should be between 0 and 1, not 1.1."),
        ("runtime.grace_seconds=0", "runtime.grace_seconds should be at least 1, not 0.0."),
    ],
)  # fmt: skip
def test_out_of_range(trial: Path, override: str, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        load("x.yaml", [override])
    assert str(error.value) == f"command line: {override}: {text}"


def test_a_number_in_a_file_that_is_out_of_range_has_its_line(trial: Path) -> None:
    scale = trial / "scales" / "tiny.yaml"
    scale.write_text(scale.read_text().replace("    batch_size: 4\n", "    batch_size: 4\n    seed: -3\n"))
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    assert str(error.value) == "scales/tiny.yaml:16: stages.vision.seed should be between 0 and 4294967295, not -3."


@pytest.mark.parametrize(
    "override",
    ["stages.vision.seed=4294967295", "stages.vision.seed=null", "data.source={name: world, labels_per_image: null}"],
)
def test_bounds_and_null_are_within(trial: Path, override: str) -> None:
    load("x.yaml", [override])


def test_a_good_experiment_is_within_all_ranges(trial: Path) -> None:
    assert list(out_of_range(load("x.yaml"))) == []


def test_numbers_of_a_plug_ins_component_may_be_any(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where an option of ours has the same name."""
    monkeypatch.setitem(PROJECTOR._entries, "gate", RegistryEntry("gate", "gates:Gate"))
    options = {"opening": 0.5, "shift": -3, "dropout": 2, "length": 4, "temperature": 0, "classes": -1}
    told = ", ".join(f"{name}: {value}" for name, value in options.items())
    assert load("x.yaml", [f"model.projector={{name: gate, {told}}}"]).model.projector.options == options


@dataclass(kw_only=True)
class Mine:
    length: int = 4
    spread: float = -1.0
    crop: float = 2.0
    sizes: list[int] = field(default_factory=lambda: [0])
    optimizer: Optimizer = field(default_factory=lambda: Optimizer(beta2=2))


def test_numbers_of_a_plug_ins_stage_may_be_any_but_those_of_our_sections_in_it(trial: Path) -> None:
    stages = load("x.yaml").stages
    kind = make_dataclass("Stages", [("mine", Mine, field(default_factory=Mine))], bases=(Stages,), kw_only=True)
    grown = kind(**{each.name: getattr(stages, each.name) for each in fields(Stages)})
    text = "stages.mine.optimizer.beta2 should be at least 0 and less than 1, not 2."
    assert list(out_of_range(grown, "stages")) == [("stages.mine.optimizer.beta2", text)]
    grown.vision.crop = 2.0
    assert [key for key, _ in out_of_range(grown, "stages")] == ["stages.vision.crop", "stages.mine.optimizer.beta2"]


def numbers(kind: type) -> set[str]:
    found = {name for name, declared in hints(kind).items() if declared in (int, float)}
    return found.union(*(numbers(declared) for declared in hints(kind).values() if is_section(declared)))


def test_every_number_of_the_schema_has_a_range() -> None:
    assert numbers(Experiment) - FREE <= RANGES.keys()


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        (_Range(1), [1, 99], [0, -1]),
        (_Range(0, 1), [0, 1, 0.5], [-0.1, 1.1]),
        (_Range(0, 1, open_high=True), [0, 0.99], [1]),
        (_Range(0, open_low=True), [1e-9], [0]),
    ],
)
def test_bounds(bounds: _Range, inside: list[float], outside: list[float]) -> None:
    assert all(map(bounds.holds, inside))
    assert not any(map(bounds.holds, outside))
