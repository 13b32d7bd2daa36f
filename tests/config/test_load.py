"""What a user reads when something is wrong, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.load import load
from pali3kit.config.saved import to_yaml
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError
from pali3kit.run import main

TINY = "scales/tiny.yaml"

# (file, what stands there, what stands there instead, the problems)
REFUSED = {
    "misspelt key": ("x.yaml", "seeds:", "seds:", ["x.yaml:4: unknown key 'seds'. Did you mean 'seeds'?"]),
    "misspelt section": (
        TINY,
        "stages:",
        "stagse:",
        [
            "scales/tiny.yaml:12: unknown key 'stagse'. Did you mean 'stages'?",
            "x.yaml:1: missing key 'stages': it needs a mapping.",
        ],
    ),
    "misspelt nested key": (
        TINY,
        "train: 8",
        "trian: 8",
        [
            "scales/tiny.yaml:8: missing key 'data.train': it needs an integer.",
            "scales/tiny.yaml:10: unknown key 'data.trian'. Did you mean 'train'?",
        ],
    ),
    "key of nowhere": (
        TINY,
        "test: 8",
        "test: 8\n  zzz: 1",
        [
            "scales/tiny.yaml:12: unknown key 'data.zzz'. Choose from benchmarks, cache, frames, ocr, root, source,"
            " tasks, test, train, validation."
        ],
    ),
    "misspelt option of a part": (
        TINY,
        "positions:",
        "postions:",
        ["scales/tiny.yaml:4: unknown key 'model.projector.postions'. Did you mean 'positions'?"],
    ),
    "misspelt part": (
        TINY,
        "name: vit",
        "name: vti",
        ["scales/tiny.yaml:3: model.vision: unknown vision 'vti'. Did you mean 'vit'?"],
    ),
    "part by a bare name that is wrong": (
        TINY,
        "mask_tokenizer: vqvae",
        "mask_tokenizer: vqva",
        ["scales/tiny.yaml:6: model.mask_tokenizer: unknown mask_tokenizer 'vqva'. Did you mean 'vqvae'?"],
    ),
    "part without a name": (
        TINY,
        "{name: linear, positions: sine2d}",
        "{positions: sine2d}",
        ["scales/tiny.yaml:4: missing key 'model.projector.name': it needs a text."],
    ),
    "misspelt name of a part": (
        TINY,
        "{name: linear",
        "{nmae: linear",
        ["scales/tiny.yaml:4: unknown key 'model.projector.nmae'. Did you mean 'name'?"],
    ),
    "missing option of a part": (
        TINY,
        "siglip_text, width: 32, depth: 1",
        "siglip_text, width: 32",
        ["scales/tiny.yaml:16: missing key 'stages.vision.text.depth': it needs an integer."],
    ),
    "missing number of a language model": (
        TINY,
        "encoder_depth: 1, ",
        "",
        ["scales/tiny.yaml:5: model.language: a language model needs a size such as 'base', or also encoder_depth."],
    ),
    "missing part with options": (
        TINY,
        "    text: {name: siglip_text, width: 32, depth: 1, heads: 2, mlp: 64}\n",
        "",
        [
            f"scales/tiny.yaml:13: missing key 'stages.vision.text.{key}': it needs an integer."
            for key in ("width", "depth", "heads", "mlp")
        ],
    ),
    "text for a number": (
        TINY,
        "image_size: 64",
        "image_size: big",
        ["scales/tiny.yaml:2: model.image_size should be an integer, not the text 'big'."],
    ),
    "fraction for an integer": (
        TINY,
        "bins: 32",
        "bins: 3.5",
        ["scales/tiny.yaml:7: tokenizer.bins should be an integer, not the number 3.5."],
    ),
    "number for a text": ("x.yaml", "name: trial", "name: 3", ["x.yaml:1: name should be a text, not the number 3."]),
    "switch for a number": (
        TINY,
        "train: 8",
        "train: true",
        ["scales/tiny.yaml:10: data.train should be an integer, not true."],
    ),
    "nothing for a number": (
        TINY,
        "train: 8",
        "train:",
        ["scales/tiny.yaml:10: data.train should be an integer, not nothing."],
    ),
    "number for a list": ("x.yaml", "[0]", "0", ["x.yaml:4: seeds should be a list, not the number 0: write [0]."]),
    "text in a list of integers": (
        "x.yaml",
        "[0]",
        "[0, one]",
        ["x.yaml:4: seeds[1] should be an integer, not the text 'one'."],
    ),
    "list for a section": (
        TINY,
        "mask_tokenizer: {examples: 8, batch_size: 4}",
        "mask_tokenizer: [8, 4]",
        ["scales/tiny.yaml:18: stages.mask_tokenizer should be a mapping, not a list."],
    ),
    "text in a mixture": (
        TINY,
        "ocr: 0.5",
        "ocr: much",
        ["scales/tiny.yaml:19: stages.multimodal.mixture.ocr should be a number, not the text 'much'."],
    ),
    "option with few choices": (
        TINY,
        "sine2d",
        "sine",
        ["scales/tiny.yaml:4: model.projector.positions cannot be 'sine'. Did you mean 'sine2d'?"],
    ),
    "wrong type of an option": (
        TINY,
        "width: 32, depth: 1, heads: 2, mlp: 64, patch: 8",
        "width: wide, depth: 1, heads: 2, mlp: 64, patch: 8",
        ["scales/tiny.yaml:3: model.vision.width should be an integer or nothing, not the text 'wide'."],
    ),
    "duplicate key": (
        "x.yaml",
        "evaluate:",
        "paper: table1\nevaluate:",
        ["x.yaml:8: duplicate key 'paper', first at x.yaml:2."],
    ),
    "unknown scale": ("x.yaml", "scale: tiny", "scale: tyni", ["x.yaml:3: unknown scale 'tyni'. Did you mean 'tiny'?"]),
    "no scale": (
        "x.yaml",
        "scale: tiny\n",
        "",
        ["x.yaml: missing key 'scale'. Choose from embedded, paper, quick, smoke, tiny."],
    ),
    "scale file that is a list": (
        TINY,
        "model:\n",
        "- model:\n",
        [
            "scales/tiny.yaml:7: not valid YAML: expected <block end>, but found '?'",
        ],
    ),
    "patch that does not fit": (
        TINY,
        "patch: 8",
        "patch: 7",
        ["scales/tiny.yaml:3: patch 7 does not divide image_size 64; nearest: 8"],
    ),
    "unknown benchmark": (
        "x.yaml",
        "[probe, refcoco]",
        "[prob, refcoco]",
        ["x.yaml:8: unknown name 'prob' in evaluate. Did you mean 'probe'?"],
    ),
}


def refusal(path: str = "x.yaml", overrides: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(path, overrides)
    return str(error.value).split("\n")


@pytest.mark.parametrize(("file", "old", "new", "problems"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(trial: Path, file: str, old: str, new: str, problems: list[str]) -> None:
    text = (trial / file).read_text()
    assert text.count(old) >= 1
    (trial / file).write_text(text.replace(old, new, 1))
    assert refusal() == problems


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("stages.vison.examples=3", "unknown key 'stages.vison'. Did you mean 'vision'?"),
        ("stages.vision.exmples=3", "unknown key 'stages.vision.exmples'. Did you mean 'examples'?"),
        ("tokenizer.bins=x", "tokenizer.bins should be an integer, not the text 'x'."),
        ("tokenizer.bins=", "tokenizer.bins should be an integer, not the text ''."),
        ("tokenizer.bins=[", "not valid YAML: expected the node content, but found '<stream end>'"),
        (
            "tokenizer.bins=!!timestamp x",
            "not valid YAML: unknown tag tag:yaml.org,2002:timestamp: "
            "a scalar is of !!null, !!bool, !!int, !!float, !!str",
        ),
        ("grid.pretrain=siglip", "grid.pretrain should be a list, not the text 'siglip': write [siglip]."),
        (
            "data.train=${oc.env:HOME}",
            "data.train: '${...}' refers to another key: resolvers such as oc.env are not supported",
        ),
        ("tokenizer", "an override looks like key=value."),
        ("=3", "an override looks like key=value."),
        ("model.vision.patch=7", "patch 7 does not divide image_size 64; nearest: 8"),
        ("model.language=ul", "model.language: unknown language 'ul'. Did you mean 'ul2'?"),
        ("scale=tyni", "unknown scale 'tyni'. Did you mean 'tiny'?"),
        ("grid.model.vision.patch=[8,7]", "patch 7 does not divide image_size 64; nearest: 8"),
        ("data.train=${data.tset}", "data.train: there is no key 'data.tset'. Did you mean 'test'?"),
    ],
)
def test_refused_override(trial: Path, override: str, problem: str) -> None:
    assert refusal(overrides=(override,)) == [f"command line: {override}: {problem}"]


def test_everything_is_refused_at_once_in_order(trial: Path) -> None:
    (trial / "x.yaml").write_text((trial / "x.yaml").read_text().replace("evaluate:", "evalute:"))
    scale = (trial / TINY).read_text().replace("patch: 8", "patch: 7").replace("train: 8", "train: many")
    (trial / TINY).write_text(scale.replace("ocr: 0.5", "orc: 0.5"))
    assert refusal(overrides=("stages.mask_tokenizer.optimizer.name=mun", "seeds=[1,1]")) == [
        "scales/tiny.yaml:3: patch 7 does not divide image_size 64; nearest: 8",
        "scales/tiny.yaml:10: data.train should be an integer, not the text 'many'.",
        "scales/tiny.yaml:19: stages.multimodal.mixture: unknown task 'orc'. Did you mean 'ocr'?",
        f"x.yaml:1: evaluate is empty. Choose from {', '.join(BENCHMARK.names())}.",
        "x.yaml:8: unknown key 'evalute'. Did you mean 'evaluate'?",
        "command line: stages.mask_tokenizer.optimizer.name=mun: stages.mask_tokenizer.optimizer.name cannot be 'mun'. "
        "Did you mean 'muon'?",
        "command line: seeds=[1,1]: seeds [1, 1] contain a seed twice.",
    ]


LONG = "x" * 300 + ".yaml"


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("y.yaml", None, "y.yaml: cannot be read: No such file or directory. Did you mean 'x.yaml'?"),
        ("no/y.yaml", None, "no/y.yaml: cannot be read: No such file or directory."),
        ("b.yaml", b"a: 1\nb: \xff\xfe", "b.yaml:2: cannot be read: it is not UTF-8 text."),
        ("u.yaml", "name: x".encode("utf-16"), "u.yaml:1: cannot be read: it is not UTF-8 text."),
        ("v.yaml", "name: x".encode("utf-16-le"), "v.yaml:1: not valid YAML: the character 0x0000 is not allowed"),
        ("c.yaml", b"a: 1\nb: \x1b[31m", "c.yaml:2: not valid YAML: the character 0x001b is not allowed"),
        ("n\0.yaml", None, "n\0.yaml: cannot be read: embedded null byte. Did you mean 'x.yaml'?"),
        (LONG, None, f"{LONG}: cannot be read: File name too long. Choose from x.yaml."),
        ("scales", None, "scales: cannot be read: Is a directory. Choose from scales/tiny.yaml."),
        ("m.yaml", b"#" * 100_001, "m.yaml: longer than 100,000 characters: no experiment is."),
        ("l.yaml", b"- 1\n", "l.yaml:1: an experiment or scale file should be a mapping of keys to values."),
    ],
)
def test_unreadable_file(trial: Path, path: str, content: bytes | None, problem: str) -> None:
    if content is not None:
        (trial / path).write_bytes(content)
    assert refusal(path) == [problem]


def test_loads_typed_values_and_defaults(trial: Path) -> None:
    experiment = load("x.yaml", ["stages.mask_tokenizer.optimizer.learning_rate=3e-3", "evaluation.limit=7"])
    assert isinstance(experiment, Experiment)
    shape = {"codes": 128, "code_width": 512, "width": 16, "blocks": 2, "spread": 1.0}
    options = {**shape, "weights": None, "allow": []}
    assert experiment.model.mask_tokenizer.options == options
    assert experiment.stages.mask_tokenizer.optimizer.learning_rate == 0.003
    assert (experiment.evaluation.limit, experiment.evaluation.shots) == (7, 10)
    assert experiment.stages.multimodal.mixture == {"splitcap": 1.0, "ocr": 0.5}
    assert isinstance(experiment.stages.multimodal.mixture["splitcap"], float)


def test_later_layers_win(trial: Path) -> None:
    with (trial / "x.yaml").open("a") as file:
        file.write("data: {train: 9}\nmodel: {vision: {width: 64}}\n")
    experiment = load("x.yaml", ["data.test=5", "data.test=6"])
    assert (experiment.data.train, experiment.data.test) == (9, 6)
    assert experiment.model.vision.options["width"] == 64
    assert experiment.model.vision.options["depth"] == 1


def test_values_may_refer_to_other_keys(trial: Path) -> None:
    experiment = load("x.yaml", ["stages.vision.text.width=${model.vision.width}", "model.vision.width=48"])
    assert experiment.stages.vision.text.options["width"] == 48


def test_a_whole_experiment_needs_no_scale_file(trial: Path) -> None:
    experiment = load("x.yaml")
    (trial / "elsewhere").mkdir()
    (trial / "elsewhere" / "whole.yaml").write_text(to_yaml(experiment))
    assert load("elsewhere/whole.yaml") == experiment
    (trial / "elsewhere" / "part.yaml").write_text((trial / "x.yaml").read_text())
    with pytest.raises(
        ConfigError, match=r"unknown scale 'tiny'\..* Your own are the files elsewhere/scales/NAME\.yaml"
    ):
        load("elsewhere/part.yaml")


def test_an_experiment_with_a_part_of_every_section_gets_the_rest_from_its_scale(trial: Path) -> None:
    (trial / "elsewhere").mkdir()
    (trial / "elsewhere" / "parts.yaml").write_text(
        "name: parts\nscale: smoke\npretrain: siglip\nevaluate: [vqav2]\nmodel: {projector: mlp}\n"
        "tokenizer: {bins: 32}\ndata: {test: 8}\nstages: {multimodal: {examples: 32}}\n"
    )
    experiment = load("elsewhere/parts.yaml")
    assert (experiment.model.projector.name, experiment.model.image_size, experiment.data.test) == ("mlp", 64, 8)


def test_variables_are_said_once_and_are_no_part_of_the_experiment(trial: Path) -> None:
    scale = trial / "scales" / "tiny.yaml"
    scale.write_text("variables: {width: 32}\n" + scale.read_text().replace("width: 32", 'width: "${variables.width}"'))
    widths = {name: 32 for name in ("vision", "language")}
    experiment = load("x.yaml")
    assert {name: getattr(experiment.model, name).options["width"] for name in widths} == widths
    assert not hasattr(experiment, "variables")
    wider = load("x.yaml", ["variables.width=64", "model.language.width=32"])
    assert (wider.model.vision.options["width"], wider.model.language.options["width"]) == (64, 32)
    (trial / "x.yaml").write_text((trial / "x.yaml").read_text() + "variables: {width: 64}\n")
    assert load("x.yaml").stages.vision.text.options["width"] == 64


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("variables.widht=3", "no value takes 'variables.widht'. Did you mean 'width'?"),
        ("variables=3", "variables should be a mapping of names to values."),
        ("variables={}", "model.vision.width: there is no key 'variables.width'."),
        ("variables.width=0", "model.vision.width should be at least 1, not 0."),
    ],
)
def test_variables_are_checked(trial: Path, override: str, told: str) -> None:
    scale = trial / "scales" / "tiny.yaml"
    text = scale.read_text().replace("vit, width: 32", 'vit, width: "${variables.width}"')
    scale.write_text("variables: {width: 32}\n" + text)
    with pytest.raises(ConfigError) as error:
        load("x.yaml", [override])
    assert any(problem.text.startswith(told) for problem in error.value.problems), error.value


def test_variables_are_set_by_flags_too(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scale = trial / "scales" / "tiny.yaml"
    scale.write_text("variables: {width: 32}\n" + scale.read_text().replace("width: 32", 'width: "${variables.width}"'))
    assert main(["check", "x.yaml", "--variables.width", "0"]) == 2
    assert "model.vision.width should be at least 1, not 0" in capsys.readouterr().err
