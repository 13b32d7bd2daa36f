"""Whatever is misspelt in a file is refused at its line, with the nearest name, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import yaml

from pali3kit.benchmarks.questions import VQAV2
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.component import Optimizer
from pali3kit.config.kinds import hints, is_component, is_section, key_of, keys
from pali3kit.config.load import load
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError
from pali3kit.registry import KINDS, OPTIMIZER
from pali3kit.types import TypeForm

OWN = "name: trial\nscale: tiny\nseeds: [0]\n"
GRID = "grid: {pretrain: [classif, siglip]}\nbaseline: {pretrain: classif}\n"
EVALUATE = "evaluate: [probe, refcoco]\n"
UNION = """\
pretrain: random
data:
  source:
    name: union
    parts:
      pages: {name: ocr, path: x.yaml, images: ., test: x.yaml}
      talk: {name: vqa, path: x.yaml, images: ., test: x.yaml}
"""
SUITED = "evaluate: [vqav2]\nstages: {multimodal: {mixture: {splitcap: 0}}}\n"  # what this union has


def misspelt(word: str) -> str:
    """A word as a hurried hand writes it."""
    return word[: len(word) // 2] + word[len(word) // 2 + 1 :] if len(word) > 3 else word + word[-1]


def declared(kind: type = Experiment, prefix: str = "") -> Iterator[tuple[str, TypeForm]]:
    """All dotted keys of an experiment with their types."""
    for name, form in hints(kind).items():
        yield prefix + name, form
        if is_section(form):
            yield from declared(form, f"{prefix}{name}.")


DECLARED = dict(declared())
OPTIMIZERS = [key for key, form in DECLARED.items() if form is Optimizer]
CHOICES = [(key, form) for key, form in DECLARED.items() if get_origin(form) is Literal]
PARTS = {key: KINDS[registry] for key, registry in (
    (key, next(each.metadata.get("registry") for each in fields(holder) if key_of(each) == key.rpartition(".")[2]))
    for key, holder in ((key, DECLARED.get(key.rpartition(".")[0], Experiment)) for key in DECLARED)
) if registry}  # fmt: skip
"""Registries by the keys that hold one of their components, or several by names of their own."""
HELD = {key: f"{key}.mine" if not is_component(DECLARED[key]) else key for key in PARTS}


def nested(key: str, value: object) -> str:
    """YAML of one dotted key, a line for each level."""
    names = key.split(".")
    lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(names)]
    return (
        "\n".join(lines) + f" {yaml.safe_dump(value, default_flow_style=True).removesuffix('...' + chr(10)).strip()}\n"
    )


def refusals(folder: Path, block: str, grid: bool = False) -> tuple[list[str], list[str]]:
    """The problems of the trial with `block` over its keys, and the lines of its file."""
    said = yaml.safe_load(block)
    own = [part for part in (OWN, EVALUATE, GRID if grid else "") for part in part.splitlines(keepends=True)]
    text = "".join(line for line in own if line.partition(":")[0] not in said) + block
    (folder / "x.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    return [str(problem) for problem in error.value.problems], text.splitlines()


def line_of(word: str, lines: list[str]) -> int:
    return 1 + next(
        number for number, line in enumerate(lines) if re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", line)
    )


# (what stands in the file, the misspelt word, the one that was meant)
NAMES = {
    "benchmark": ("evaluate: [probe, refr]\n", "refr", "refcoco"),
    "measured after": ("evaluation:\n  after: [transfr]\n", "transfr", "transfer"),
    "paper": ("paper: tabel1\n", "tabel1", "table1"),
    "scale": ("scale: tyni\n", "tyni", "tiny"),
    "size of a ViT": ("model:\n  vision: {name: vit,\n    size: B/61}\n", "B/61", "B/16"),
    "size of a language model": ("model:\n  language: {name: ul2,\n    size: bse}\n", "bse", "base"),
    "component of a family": ("model:\n  vision: tim/vit_tiny\n", "tim/vit_tiny", "timm/"),
    "component of one family": (
        "pretrain: pretrained\nmodel:\n  dual_encoder: {pretrained: webli,\n    name: open_clp/ViT-B-16}\n",
        "open_clp/ViT-B-16",
        "open_clip/",
    ),
    "task of stage 1": ("stages:\n  multimodal:\n    mixture:\n      orc: 1\n", "orc", "ocr"),
    "task of stage 2": ("stages:\n  resolution:\n    mixture:\n      detct: 1\n", "detct", "detect"),
    "task of stage 1, never drawn": ("stages:\n  multimodal:\n    mixture:\n      orc: 0\n", "orc", "ocr"),
    "task of a union's part": (
        f"evaluate: [probe]\n{UNION}stages:\n  multimodal:\n    mixture: {{ocr: 1, splitcap: 0,\n      pags.ocr: 1}}\n",
        "pags.ocr",
        "pages.ocr",
    ),
    "task of a union's part in stage 2": (
        f"evaluate: [probe]\n{UNION}stages:\n  resolution:\n    mixture: {{ocr: 1,\n      talk.vqga: 1}}\n",
        "talk.vqga",
        "talk.vqg",
    ),
    "transfer": ("stages:\n  transfer:\n    benchmarks:\n      refcco: 9\n", "refcco", "refcoco"),
    "key of a recipe": ("stages:\n  transfer:\n    benchmarks:\n      coco:\n        beam: 2\n", "beam", "beams"),
    "benchmark with a task": ("data:\n  tasks:\n    refcco: refer\n", "refcco", "refcoco"),
    "task of a benchmark": ("data:\n  tasks:\n    refcoco: refr\n", "refr", "refer"),
    "task of a benchmark that is not measured": ("data:\n  tasks:\n    textvqa: vqa_txet\n", "vqa_txet", "vqa_text"),
    "task of a benchmark, of a union's part": (
        f"{SUITED}{UNION}  tasks:\n    vqav2: tlak.vqa\n",
        "tlak.vqa",
        "talk.vqa",
    ),
    "task of a union's benchmark that is not measured": (
        f"{SUITED}{UNION}  tasks:\n    textvqa: tlak.vqa\n",
        "tlak.vqa",
        "talk.vqa",
    ),
    "task of a variant's benchmark": ("data:\n  tasks:\n    refcoco_plus: refre_plus\n", "refre_plus", "refer_plus"),
    "part of a union": (SUITED + UNION.replace("name: ocr", "name: orc"), "orc", "ocr"),
    "option of a union's part": (SUITED + UNION.replace("test: x", "tset: x", 1), "tset", "test"),
    "published number": (
        "published:\n  refcco: {value: 1, tolerance: 1, source: me}\n", "refcco", "refcoco",
    ),
    "key of a published number": (
        "published:\n  refcoco: {value: 1, tolerance: 1, source: me,\n    valeu: 2}\n", "valeu", "value",
    ),
    "key of a step of stage 2": (
        "stages:\n  resolution:\n    steps:\n      - {image_size: 64, examples: 32,\n        imag_size: 64}\n",
        "imag_size",
        "image_size",
    ),
}  # fmt: skip
GRIDS = {
    "axis": ("grid:\n  pretrian: [classif, siglip]\n", "pretrian", "pretrain"),
    "axis in a section": (
        "grid:\n  stages.vison.examples: [8, 16]\n", "stages.vison.examples", "stages.vision.examples",
    ),
    "axis of an option": ("grid:\n  model.vision.dept: [1, 2]\n", "model.vision.dept", "depth"),
    "axis of an optimizer": (
        "grid:\n  stages.mask_tokenizer.optimizer.bta2: [0.5, 0.9]\n", "stages.mask_tokenizer.optimizer.bta2", "beta2",
    ),
    "axis of a mixture": ("grid:\n  stages.multimodal.mixture.orc: [1, 2]\n", "stages.multimodal.mixture.orc", "ocr"),
    "value": ("grid:\n  pretrain: [classif,\n    siglp]\n", "siglp", "siglip"),
    "component": ("grid:\n  model.projector: [linear,\n    mpl]\n", "mpl", "mlp"),
    "option of a component": (
        "grid:\n  model.projector:\n    - linear\n    - {name: mlp,\n      postions: sine2d}\n",
        "postions",
        "positions",
    ),
    "optimizer": ("grid:\n  stages.mask_tokenizer.optimizer.name: [muon,\n    adamv]\n", "adamv", "adamw"),
    "baseline's axis": (
        "grid: {pretrain: [classif, siglip]}\nbaseline:\n  pretrian: classif\n", "pretrian", "pretrain",
    ),
    "baseline's value": (
        "grid: {pretrain: [classif, siglip]}\nbaseline:\n  pretrain: clasif\n", "clasif", "classif",
    ),
    "baseline's component": (
        "grid: {model.projector: [linear, mlp]}\nbaseline:\n  model.projector: linaer\n", "linaer", "linear",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("block", "word", "meant"), [*NAMES.values(), *GRIDS.values()], ids=[*NAMES, *GRIDS])
def test_a_name(block: str, word: str, meant: str, trial: Path) -> None:
    problems, lines = refusals(trial, block)
    [problem] = problems
    assert problem.startswith(f"x.yaml:{line_of(word, lines)}: "), (problem, lines)
    assert problem.endswith(f" Did you mean '{meant}'?")


KEYS = [key for key in keys(Experiment) if key != "scale" and not key.endswith("optimizer.options")]


@pytest.mark.parametrize("key", KEYS)
def test_a_key(key: str, trial: Path) -> None:
    """Every key of the schema, as written for it in the scale's file where it must be given."""
    above, _, name = key.rpartition(".")
    wrong = f"{above}.{misspelt(name)}" if above else misspelt(name)
    problems, lines = refusals(trial, nested(wrong, {}))
    assert problems == [f"x.yaml:{len(lines)}: unknown key '{wrong}'. Did you mean '{name}'?"]


@pytest.mark.parametrize(("key", "choice"), [(key, choice) for key, form in CHOICES for choice in get_args(form)])
def test_a_choice(key: str, choice: str, trial: Path) -> None:
    problems, lines = refusals(trial, nested(key, misspelt(choice)))
    assert problems == [f"x.yaml:{len(lines)}: {key} cannot be '{misspelt(choice)}'. Did you mean '{choice}'?"]


def test_every_stage_that_trains_has_an_optimizer_here() -> None:
    assert {"stages.vision.optimizer", "stages.resolution.optimizer", "stages.lit.optimizer"} <= set(OPTIMIZERS)
    assert "stages.mask_tokenizer.optimizer.schedule" in dict(CHOICES)


@pytest.mark.parametrize("key", OPTIMIZERS)
@pytest.mark.parametrize("name", OPTIMIZER.names())
def test_an_optimizer(name: str, key: str, trial: Path) -> None:
    problems, lines = refusals(trial, nested(f"{key}.name", misspelt(name)))
    assert problems == [f"x.yaml:{len(lines)}: {key}.name cannot be '{misspelt(name)}'. Did you mean '{name}'?"]
    options = OPTIMIZER.describe(name).options
    for option in [each.name for each in fields(options)] if options else []:
        problems, lines = refusals(trial, nested(key, {"name": name}) + f"    {misspelt(option)}: 1\n")
        assert problems == [f"x.yaml:{len(lines)}: unknown key '{key}.{misspelt(option)}'. Did you mean '{option}'?"]


def test_every_component_is_here() -> None:
    assert {
        "model.vision",
        "model.dual_encoder",
        "data.source",
        "stages.mask_tokenizer.source",
        "stages.lit.source",
    } <= set(PARTS)
    assert {"stages.vision.text", "stages.lit.text", "evaluation.probes", "evaluation.labelled"} <= set(PARTS)


@pytest.mark.parametrize("key", PARTS)
def test_a_component(key: str, trial: Path) -> None:
    at, registry = HELD[key], PARTS[key]
    for name in [each for each in registry.names() if not each.endswith("/")]:
        problems, lines = refusals(trial, nested(at, misspelt(name)))
        told = f"{at}: unknown {registry.kind} '{misspelt(name)}'. Did you mean '{name}'?"
        assert problems == [f"x.yaml:{len(lines)}: {told}"]
        problems, lines = refusals(trial, nested(f"{at}.name", misspelt(name)))
        assert problems == [f"x.yaml:{len(lines)}: {told}"]


@pytest.mark.parametrize("key", PARTS)
def test_an_option_of_a_component(key: str, trial: Path) -> None:
    """Whatever else it lacks is told too: files that are not there, options that it needs."""
    at, registry = HELD[key], PARTS[key]
    for name in registry.names():
        options, written = registry.describe(name if name[-1] != "/" else f"{name}x").options, name.replace("/", "/x")
        for each in fields(options) if options else ():
            wrong = misspelt(each.name)
            block = nested(f"{at}.name", written) + f"{'  ' * (at.count('.') + 1)}{wrong}: 1\n"
            problems, lines = refusals(trial, block)
            assert f"x.yaml:{len(lines)}: unknown key '{at}.{wrong}'. Did you mean '{each.name}'?" in problems
            for choice in get_args(each.type) if get_origin(each.type) is Literal else ():
                problems, lines = refusals(trial, block.replace(f"{wrong}: 1", f"{each.name}: {misspelt(choice)}"))
                told = f"{at}.{each.name} cannot be '{misspelt(choice)}'. Did you mean '{choice}'?"
                assert f"x.yaml:{len(lines)}: {told}" in problems


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"metric": "vqa_acuracy"}, "an unknown metric 'vqa_acuracy'. Did you mean 'vqa_accuracy'?"),
        ({"kind": "evaluat"}, "an unknown stage 'evaluat'. Did you mean 'evaluate'?"),
        ({"training_stage": "finetun"}, "an unknown stage 'finetun'. Did you mean 'finetune'?"),
        ({"transfer_of": "vqaa"}, "an unknown benchmark 'vqaa'. Did you mean 'vqav2'?"),
    ],
)
def test_a_name_in_somebodys_benchmark(
    said: dict[str, str], text: str, trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = replace(VQAV2, name="docvqa", task="vqa", **said)
    monkeypatch.setitem(BENCHMARK.found, "docvqa", (theirs, "theirs:DOCVQA"))
    problems, lines = refusals(trial, "evaluate: [docvqa]\n")
    assert problems == [f"x.yaml:{len(lines)}: benchmark 'docvqa' names {text}"]
