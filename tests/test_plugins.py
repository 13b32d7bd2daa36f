"""An installed package adds a component of each kind, without changes to pali3kit."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "tests" / "plugins"
EXPERIMENT = (PLUGINS / "plugged.yaml").read_text()
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
ASK = """
import sys
from pali3kit.run import main
code = main(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(code)
"""


SHOW = """
import contextlib, io, json, sys
from pali3kit.run import main
told = {}
for name in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = main(["show", name])
    told[name] = code, out.getvalue()
assert "torch" not in sys.modules
print(json.dumps(told))
"""
"""Shows several components, in one process: starting one takes longer."""


def python(folder: Path, *words: str, plugins: Path = PLUGINS) -> subprocess.CompletedProcess[str]:
    """The environment of a program with the plug-ins of a folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, plugins))), "COLUMNS": "160"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def ask(folder: Path, *words: str, code: int = 0, plugins: Path = PLUGINS) -> str:
    """The output of a command that must not import torch."""
    done = python(folder, "-c", ASK, *words, plugins=plugins)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def shown(folder: Path, names: Iterable[str], plugins: Path = PLUGINS) -> dict[str, tuple[int, str]]:
    """What `show` says of components, and its exit codes."""
    done = python(folder, "-c", SHOW, *names, plugins=plugins)
    assert done.returncode == 0, done.stderr
    return {name: (code, text) for name, (code, text) in json.loads(done.stdout).items()}


def run(folder: Path, *words: str) -> str:
    done = python(folder, "-m", "pali3kit.run", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the experiment, with changes, and its scale beside it."""
    text = EXPERIMENT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "scales").mkdir(exist_ok=True)
    shutil.copy(ROOT / "experiments" / "scales" / "smoke.yaml", folder / "scales")
    (folder / "plugged.yaml").write_text(text)
    return folder


ADDED = [
    ("projector", "gated", "a linear layer times its gate",
     "    gate            float, default 0.5\n    per             'channel' | 'token', default channel\n"),
    ("metric", "exact_match", "the share of answers that are right, letter by letter", ""),
    ("benchmark", "strict_vqa", "visual questions by exact match", ""),
    ("benchmark", "centroid", "the nearest class mean of frozen features: top-1", ""),
    ("stage", "centroid", "classify by the nearest class mean",
     "    normalise       bool, default True\n    shrinkage       float, default 0.0\n"),
    ("source", "shapes", "drawn shapes with captions and questions",
     "    count           int, default 1000\n    background      'white' | 'black', default white\n"),
    ("optimizer", "lion", "Lion: the sign of momentum", "    beta1           float, default 0.9\n"),
    ("callback", "weight_norm", "logs the norm of all weights", "    every           int, default 100\n"),
]  # fmt: skip


def test_all_are_listed(tmp_path: Path) -> None:
    listed = ask(tmp_path, "list")
    assert all(f"  {name:<22}{summary}\n" in listed for _, name, summary, _ in ADDED)


def test_each_is_shown_with_its_options(tmp_path: Path) -> None:
    told = shown(tmp_path, [f"{kind}/{name}" for kind, name, _, _ in ADDED])
    for kind, name, summary, options in ADDED:
        code, text = told[f"{kind}/{name}"]
        assert code == 0 and text.startswith(f"{kind}/{name}: {summary}\n  from pali3kit_plugin.")
        title = "keys of stages.centroid" if kind == "stage" else "options"
        assert text.endswith(f"  {title}:\n{options}" if options else "\n") and (f"{title}:" in text) == bool(options)


def test_an_experiment_on_all_of_them_checks(tmp_path: Path) -> None:
    checked = ask(write(tmp_path), "check", "plugged.yaml")
    assert checked.startswith("plugged.yaml: nothing wrong. 1 cell, 1 seed, 2 benchmarks.\n")


def test_misspelt_options_are_reported_with_the_nearest_ones(tmp_path: Path) -> None:
    changes = [
        ("gate: 0.5, per: token", "gaet: 0.5, per: tokn"), ("background: black", "backgruond: black"),
        ("beta1", "beta11"), ("shrinkage", "shrinkaeg"), ("normalise: false", "normalise: 1"),
    ]  # fmt: skip
    assert ask(write(tmp_path, *changes), "check", "plugged.yaml", code=2) == (
        "plugged.yaml:6: unknown key 'model.projector.gaet'. Did you mean 'gate'?\n"
        "plugged.yaml:6: model.projector.per cannot be 'tokn'. Did you mean 'token'?\n"
        "plugged.yaml:9: unknown key 'data.source.backgruond'. Did you mean 'background'?\n"
        "plugged.yaml:13: unknown key 'stages.multimodal.optimizer.beta11'. Did you mean 'beta1'?\n"
        "plugged.yaml:14: unknown key 'stages.centroid.shrinkaeg'. Did you mean 'shrinkage'?\n"
        "plugged.yaml:14: stages.centroid.normalise should be true or false, not the number 1.\n"
    )


def test_misspelt_names_are_reported_with_the_nearest_ones(tmp_path: Path) -> None:
    changes = [
        ("strict_vqa", "strict_vqaa"), ("gated", "gatde"), ("shapes", "shape"), ("lion", "lino"),
        ("  centroid: {", "  centriod: {"),
    ]  # fmt: skip
    assert ask(write(tmp_path, *changes), "check", "plugged.yaml", code=2) == (
        "plugged.yaml:4: unknown name 'strict_vqaa' in evaluate. Did you mean 'strict_vqa'?\n"
        "plugged.yaml:6: model.projector: unknown projector 'gatde'. Did you mean 'gated'?\n"
        "plugged.yaml:9: data.source: unknown source 'shape'. Did you mean 'shapes'?\n"
        "plugged.yaml:13: stages.multimodal.optimizer.name cannot be 'lino'. Did you mean 'lion'?\n"
        "plugged.yaml:14: unknown key 'stages.centriod'. Did you mean 'centroid'?\n"
    )


def test_tasks_that_a_source_does_not_tell_of_are_reported(tmp_path: Path) -> None:
    told = ask(write(tmp_path, ("ocr: 0", "ocr: 1")), "check", "plugged.yaml", code=2)
    assert told.startswith("plugged.yaml:12: source 'shapes' has no task 'ocr'. Choose from caption, ")


BENCHMARK = """
from pali3kit.benchmarks.benchmark import Benchmark, Column

LOOSE = Benchmark(
    name="loose", summary="loose", columns=(Column(title="Loose"),), unit="%", metric="exact_macth", task="vqa"
)
LOST = Benchmark(
    name="lost", summary="lost", columns=(Column(title="Lost"),), unit="%", scored="features", kind="centriod"
)
"""


def test_what_a_benchmark_misspells_is_reported(tmp_path: Path) -> None:
    shutil.copytree(PLUGINS, tmp_path / "plugins")
    (tmp_path / "plugins" / "pali3kit_plugin" / "loose.py").write_text(BENCHMARK)
    points = tmp_path / "plugins" / "pali3kit_plugin-1.0.dist-info" / "entry_points.txt"
    named = "".join(f"{name.lower()} = pali3kit_plugin.loose:{name}\n" for name in ("LOOSE", "LOST"))
    points.write_text(points.read_text().replace("[pali3kit.benchmark]\n", f"[pali3kit.benchmark]\n{named}"))
    write(tmp_path, ("[strict_vqa, centroid]", "[loose, lost]"))
    assert ask(tmp_path, "check", "plugged.yaml", code=2, plugins=tmp_path / "plugins") == (
        "plugged.yaml:4: benchmark 'loose' names an unknown metric 'exact_macth'. Did you mean 'exact_match'?\n"
        "plugged.yaml:4: benchmark 'lost' names an unknown stage 'centriod'. Did you mean 'centroid'?\n"
    )


BROKEN = {
    "projector": {
        "gone": ("pali3kit_plugin.gone:Gone", "there is no module 'pali3kit_plugin.gone'"),
        "gaet": ("pali3kit_plugin.gated:Gaet", "module 'pali3kit_plugin.gated' has no 'Gaet'"),
        "other": ("pali3kit_plugin.gated:GatedProjector", "it is declared as 'gated', not as 'other'"),
        "three": ("pali3kit_plugin.bad:THREE", "'THREE' is no class or function"),
    },
    "optimizer": {"lino": ("pali3kit_plugin.lion:lino", "module 'pali3kit_plugin.lion' has no 'lino'")},
    "benchmark": {
        "bad": ("pali3kit_plugin.worse:BAD", "SyntaxError: '(' was never closed (worse.py, line 1)"),
        "called": ("pali3kit_plugin.centroid:BENCHMARK", "its name is 'centroid'"),
    },
    "stage": {"away": ("pali3kit_plugin.away:KIND", "ModuleNotFoundError: No module named 'pali3kit_plugin.away'")},
}


def told(kind: str, name: str) -> str:
    value, why = BROKEN[kind][name]
    return f"{kind} '{name}' cannot be loaded from {value} of the package 'pali3kit_plugin': {why}.\n"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The plug-ins of this repository, and entry points that cannot be loaded."""
    folder = tmp_path / "plugins"
    shutil.copytree(PLUGINS, folder)
    (folder / "pali3kit_plugin" / "bad.py").write_text("THREE = 3\n")
    (folder / "pali3kit_plugin" / "worse.py").write_text("BAD = (\n")
    points = folder / "pali3kit_plugin-1.0.dist-info" / "entry_points.txt"
    text = points.read_text()
    for kind, added in BROKEN.items():
        lines = "".join(f"{name} = {value}\n" for name, (value, _) in added.items())
        text = text.replace(f"[pali3kit.{kind}]\n", f"[pali3kit.{kind}]\n{lines}")
    points.write_text(text)
    return folder


def test_broken_plug_ins_do_not_affect_others(tmp_path: Path, broken: Path) -> None:
    checked = ask(write(tmp_path), "check", "plugged.yaml", plugins=broken)
    assert checked.startswith("plugged.yaml: nothing wrong. 1 cell, 1 seed, 2 benchmarks.\n")
    listed = ask(tmp_path, "list", plugins=broken)
    assert all(f"  {name:<22}{summary}\n" in listed for _, name, summary, _ in ADDED)
    assert all(f"  {name:<22}{told(kind, name)}" in listed for kind, added in BROKEN.items() for name in added)


def test_a_broken_plug_in_is_not_shown(tmp_path: Path, broken: Path) -> None:
    expected = {f"{kind}/{name}": (2, told(kind, name)) for kind, added in BROKEN.items() for name in added}
    assert shown(tmp_path, expected, plugins=broken) == expected


def test_broken_plug_ins_are_errors_where_they_are_used(tmp_path: Path, broken: Path) -> None:
    changes = [
        ("[strict_vqa, centroid]", "[strict_vqa, bad]"), ("name: gated, gate: 0.5, per: token", "name: gone"),
        ("name: lion", "name: lino"), ("  centroid: {", "  away: {"),
    ]  # fmt: skip
    assert ask(write(tmp_path, *changes), "check", "plugged.yaml", code=2, plugins=broken) == (
        f"plugged.yaml:4: evaluate: {told('benchmark', 'bad')}"
        f"plugged.yaml:6: model.projector: {told('projector', 'gone')}"
        f"plugged.yaml:13: stages.multimodal.optimizer: {told('optimizer', 'lino')}"
        f"plugged.yaml:14: stages.away: {told('stage', 'away')}"
    )


def test_a_plug_in_may_not_have_the_name_of_ours(tmp_path: Path, broken: Path) -> None:
    points = broken / "pali3kit_plugin-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().replace("gone =", "linear ="))
    write(tmp_path, ("name: gated, gate: 0.5, per: token", "name: linear"))
    checked = ask(tmp_path, "check", "plugged.yaml", code=2, plugins=broken)
    assert re.match(r"plugged\.yaml:6: model\.projector: projector 'linear' is registered twice: pali3kit\.", checked)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("plugged"))
    run(folder, "plugged.yaml")
    return folder


def test_the_report_has_their_columns(finished: Path) -> None:
    report = json.loads((finished / "runs" / "plugged" / "report.json").read_text())
    [table] = report["tables"]
    assert [(column["name"], column["title"], column["metric"]) for column in table["columns"]] == [
        ("shapes/strict_vqa", "Strict VQA, shapes", "exact match, %"),
        ("embedded/centroid", "Nearest class mean, embedded", "accuracy, %"),
    ]
    [row] = table["rows"]
    assert all(cell["status"] == "done" for cell in row["cells"].values())
    assert [row["cells"][name]["ours"]["n"] for name in ("shapes/strict_vqa", "embedded/centroid")] == [16, 32]
    assert all(0 <= cell["ours"]["mean"] <= 100 for cell in row["cells"].values())
    assert {example["title"] for example in report["gallery"]} == {"Strict VQA, shapes"}
    assert report["config"]["stages"]["centroid"] == {"normalise": False, "shrinkage": 0.1}


def test_a_second_run_has_nothing_to_do(finished: Path) -> None:
    assert "nothing to run" in run(finished, "plugged.yaml")


def test_the_report_is_written_again_from_the_saved_experiment(finished: Path) -> None:
    folder = finished / "runs" / "plugged"
    before = (folder / "report.json").read_bytes()
    (folder / "report.html").unlink()
    run(finished, "report", "runs/plugged")
    assert (folder / "report.json").read_bytes() == before and (folder / "report.html").exists()


def test_another_option_of_the_stage_is_planned_as_its_step_alone(finished: Path) -> None:
    planned = run(finished, "plan", "plugged.yaml", "stages.centroid.shrinkage=0.2")
    [line] = [line for line in planned.splitlines() if "will run" in line]
    assert line.split()[0] == "centroid" and "shrinkage: 0.2, was 0.1" in line
    assert "1 of 12 stages to run" in planned


STEPS = """
import json, sys
from pali3kit.config.load import load
from pali3kit.plan.graph import build
print(json.dumps({step.label: step.digest for step in build(load("plugged.yaml", sys.argv[1:])).steps}))
"""


@pytest.fixture
def steps(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The digests of the experiment's steps, by label."""
    write(tmp_path)

    def digests(*overrides: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(python(tmp_path, "-c", STEPS, *overrides).stdout)
        return found

    return digests


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("stages.centroid.normalise=true", {"centroid"}),
        ("model.projector.gate=0.25", {"multimodal", "transfer/vqa", "evaluate/shapes/strict_vqa"}),
        ("stages.multimodal.optimizer.beta1=0.9", {"multimodal", "transfer/vqa", "evaluate/shapes/strict_vqa"}),
    ],
)
def test_an_option_reruns_what_depends_on_it(
    steps: Callable[..., dict[str, str]], override: str, changed: set[str]
) -> None:
    before, after = steps(), steps(override)
    assert before.keys() == after.keys()
    assert {label for label in before if before[label] != after[label]} == changed


def test_a_grid_over_options_of_plug_ins(steps: Callable[..., dict[str, str]]) -> None:
    labels = steps("grid={stages.centroid.shrinkage: [0, 0.5], model.projector: [linear, gated]}").keys()
    assert {"centroid 0", "centroid 0.5", "multimodal linear", "multimodal gated", "tokenizer"} <= labels


def test_the_folder_of_the_distribution_is_what_the_project_says() -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((PLUGINS / "pyproject.toml").read_text())["project"]
    installed = PathDistribution(PLUGINS / "pali3kit_plugin-1.0.dist-info")
    points = [(point.group, point.name, point.value) for point in installed.entry_points]
    said = [(group, name, value) for group, named in project["entry-points"].items() for name, value in named.items()]
    assert points == said
    assert (installed.name, installed.version) == (project["name"], project["version"])


BLOCKS = re.findall(r"`tests/plugins/([^`]+)`[^`]*?\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_of_the_page_names_its_file() -> None:
    assert len(BLOCKS) == len(re.findall(r"```(?!sh)\w+\n", PAGE)) > 6
    assert {file.name for file in PLUGINS.rglob("*.py")} - {"__init__.py"} <= {Path(name).name for name, _ in BLOCKS}


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_the_page_shows_the_files(name: str, text: str) -> None:
    assert text.strip() in (PLUGINS / name).read_text()


VALUES = """
import numpy as np, torch
from types import SimpleNamespace
from torch import nn
from pali3kit.config.component import Optimizer
from pali3kit.evals.features import Features
from pali3kit.evals.scores import Answered
from pali3kit.registry import METRIC, OPTIMIZER, PROJECTOR, SOURCE
from pali3kit.training.optimizers import build_optimizer
from pali3kit_plugin.centroid import Centroid
from pali3kit_plugin.run_centroid import nearest_mean

examples = [SimpleNamespace(target=target) for target in ("red", "disc", "blue")]
scores = METRIC.get("exact_match")(Answered(examples, [" Red", "square", "blue"], None, None, 32))
assert scores.samples == [100, 0, 100] and round(scores.value, 2) == 66.67

train = Features(np.array([[1, 0], [9, 1], [0, 2], [0, 4]], np.float32), np.array([5, 5, 7, 7]))
asked = np.array([[2, 1], [1, 3]], np.float32)
assert nearest_mean(train, asked, Centroid()).tolist() == [5, 7]
assert nearest_mean(train, asked, Centroid(normalise=False)).tolist() == [7, 7]

gated = PROJECTOR.build("gated", 3, 2, gate=0.25, per="token")
tokens = torch.randn(1, 4, 3)
torch.testing.assert_close(gated(tokens, (2, 2)), 0.25 * gated.value(tokens))

lion = OPTIMIZER.describe("lion")
assert (lion.moments, lion.elementwise) == (4, True)
model = nn.Linear(2, 1, bias=False)
nn.init.ones_(model.weight)
optimizer = build_optimizer(model, Optimizer(name="lion", learning_rate=0.1, weight_decay=0.5, options={"beta1": 0.5}))
for gradient, wanted in ((1.0, 0.85), (-0.02, 0.7075)):  # the second step still follows the momentum
    model.weight.grad = torch.full_like(model.weight, gradient)
    optimizer.step()
    torch.testing.assert_close(model.weight.data, torch.full((1, 2), wanted))

source = SOURCE.build("shapes", image_size=32, background="black")
assert source.image("test", 3).shape == (32, 32, 3) and (source.image("test", 3) == source.image("test", 3)).all()
example = source.task("vqa", 32).draw("test", 3, np.random.default_rng(0))
assert example.target in source.alt_text("test", 3, None)
"""


def test_their_values_are_right(tmp_path: Path) -> None:
    done = python(tmp_path, "-c", VALUES)
    assert done.returncode == 0, done.stderr
