"""The documents are true: links exist, commands and code run."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import true_files
from file_server import serving
from made_shards import grey, pair_shards
from random_pali import MemoryCheckpoints, start_from
from safetensors.numpy import save_file

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.load import load
from pali3kit.config.root import task_of
from pali3kit.config.vocabulary import Vocabulary
from pali3kit.data.benchmark_examples import benchmark_examples
from pali3kit.data.task import Example
from pali3kit.execution.workload import shape, units
from pali3kit.inference.saved import save
from pali3kit.plan.graph import build
from pali3kit.registry import SOURCE
from pali3kit.run import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/tutorials/*.md")])
MADE = ("reference/", "notebooks/")  # pages that only the site has: docs/index.md lists them
README = (ROOT / "README.md").read_text(encoding="utf-8")


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


LINKS = [
    (file, link)
    for file in DOCUMENTS
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8"))
    if "://" not in link and not link.startswith(MADE)
]
SHOWN = README + (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[3:]
    for text in fences(SHOWN, "sh")
    for line in re.split(r"\n|&&", text)
    if line.strip().startswith("python -m pali3kit.run")
]


@pytest.mark.parametrize(("file", "link"), LINKS, ids=[f"{file.name}:{link}" for file, link in LINKS])
def test_links_lead_somewhere(file: Path, link: str) -> None:
    assert (file.parent / link).exists()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_of_the_readme_and_of_the_first_guide_check(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code = main(["check", *(word for word in words if word not in ("plan", "check"))])
    told = capsys.readouterr()
    assert code == 0 or told.err in fences(SHOWN, "text")


@pytest.fixture
def trained(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a finished run, under the names of two experiments."""
    for name in ("pali3", "ablate_classif"):
        shutil.copytree(run_folder, tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("trained")
def test_code_of_the_readme_runs() -> None:
    exec(compile("\n".join(fences(README, "python")), "README.md", "exec"), {})
    assert Path("regions.png").exists()


def test_the_readme_is_short() -> None:
    assert README.count("\n") <= 120


GUIDES = [
    file
    for file in DOCUMENTS
    if file.parent.name == "docs"
    and file.name != "plugins.md"  # shows the files of a package, which test_plugins.py runs
    and fences(file.read_text(encoding="utf-8"), "python")
]


@pytest.mark.parametrize("file", GUIDES, ids=lambda file: file.name)
def test_code_of_the_guides_runs(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Run the blocks of a guide in order, in an empty folder, or in one with a finished run."""
    if file.name in ("using-models.md", "sharing.md"):
        request.getfixturevalue("trained")
    monkeypatch.chdir(tmp_path)
    code = "\n".join(fences(file.read_text(encoding="utf-8"), "python"))
    exec(compile(code, file.name, "exec"), {})


FRAGMENT = """\
name: fragment
scale: paper
pretrain: siglip
evaluate: [vqav2, refcoco, zero_shot]
"""
"""The experiment around a block that is only a part of one."""
BLOCKS = [
    (file.name, text)
    for file in DOCUMENTS
    for text in fences(file.read_text(encoding="utf-8"), "yaml")
    if file.name != "plugins.md"  # names the parts of a package, which test_plugins.py plans and runs
]

LAB = "https://data.lab.org"
"""The server of the documents."""
LINE = json.dumps({"image": "0.png", "caption": "a cat"}).encode()
BEHIND_URLS = {
    "/train.jsonl": LINE, "/test.jsonl": LINE, "/0.png": grey(0),
    **{f"/shards/{number:03}.tar": data for number, data in enumerate(pair_shards(128, 1).values())},
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, published: Callable[[str], Path]) -> Path:
    """A folder with all files named in the blocks, and the shipped scales."""
    root = tmp_path_factory.mktemp("data")
    true_files.documented(root)
    shutil.copytree(ROOT / "experiments/scales", root / "scales")
    folder = root / "path/to/flan-t5-xl"
    folder.mkdir(parents=True)
    shutil.copy(published("t5"), folder / "spiece.model")
    rows = Vocabulary(folder / "spiece.model").rows
    shape = {"d_model": 16, "d_ff": 32, "d_kv": 8, "num_heads": 2, "num_layers": 1, "num_decoder_layers": 1}
    known = {"model_type": "t5", "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "eos_token_id": 1}
    (folder / "config.json").write_text(json.dumps({**known, **shape, "vocab_size": rows}))
    save_file({"shared.weight": np.zeros((rows, 16), np.float32)}, folder / "model.safetensors")
    save(MemoryCheckpoints(root / "memory"), root / "my-pali")
    start_from(root / "my-data", root / "my-pali")
    return root


@pytest.mark.parametrize(("page", "text"), BLOCKS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(BLOCKS)])
def test_every_experiment_of_the_documents_can_be_planned(
    page: str, text: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Build its graph on tiny files in the true formats: every stage has a digest and units."""
    monkeypatch.chdir(data)
    monkeypatch.setenv("PALI3KIT_CACHE", str(data / "cache"))
    with serving() as server:
        server.files = BEHIND_URLS
        text = text.replace(LAB, server.url)
        (data / "mine.yaml").write_text(text if text.startswith("name:") else FRAGMENT + text)
        experiment = load("mine.yaml")
        graph = build(experiment)
    assert graph.cells and all(cell.columns for cell in graph.cells)
    assert len({step.digest for step in graph.steps}) == len(graph.steps)
    assert all(units(step) > 0 and shape(step) for step in graph.steps)
    if experiment.data.source.name == "union":
        [vision] = [step for step in graph.steps if step.kind == "vision"]
        seen = set(vision.plain["source"]["parts"])  # type: ignore[index,call-overload]
        assert seen == {"real": {"cc3m", "coco"}, "refcoco": {"alt"}}[experiment.name]


def test_the_mirrors_of_the_data_guide_are_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of tiny tables with the mirrors' columns is an example with an image."""
    [text] = [
        text for text in fences((ROOT / "docs" / "data.md").read_text(encoding="utf-8"), "yaml") if "hub/" in text
    ]
    monkeypatch.chdir(data)
    (data / "mirrors.yaml").write_text(text)
    cell = load("mirrors.yaml")
    asked: dict[str, list[Example]] = {}
    for name, component in cell.data.benchmarks.items():
        source = SOURCE.build(component.name, **component.options)
        size, task = source.size("test"), task_of(cell, BENCHMARK.find(name))  # type: ignore[attr-defined]
        asked[name] = benchmark_examples(source, name, 32, size, 100, task)
        assert len(asked[name]) == size == (4 if name == "ocrvqa" else 2)
        assert all(source.image("test", example.images[0]).shape == (64, 64, 3) for example in asked[name])
    first = {name: (examples[0].references, examples[0].group, examples[0].id) for name, examples in asked.items()}
    assert first == {
        "docvqa": (("a fox", "fox"), "", "57"), "infovqa": (("a fox", "fox"), "", "98313"),
        "textvqa": (("a fox", "fox"), "", 34603), "vqav2": (("fox",), "", 262148000),
        "okvqa": (("a fox", "fox"), "", "2971475"), "stvqa": (("a fox", "fox"), "", 3),
        "chartqa": (("3",), "human", None), "ai2d": (("fox",), "", None), "ocrvqa": (("A. Bee",), "", None),
        "tallyqa": (("3",), "simple", None), "textcaps": (("A sign.", "A stop sign."), "", "0a1b"),
        "coco": (("A fox.", "A red fox."), "", None), "screen2words": (("a map", "map of a town"), "", 54138),
    }  # fmt: skip


def test_the_union_of_the_data_guide_checks(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With files of those names it is accepted; a misspelt part of the mixture is reported with its line."""
    blocks = fences((ROOT / "docs" / "data.md").read_text(encoding="utf-8"), "yaml")
    [text] = [text for text in blocks if "name: union" in text]
    monkeypatch.chdir(data)
    (data / "real.yaml").write_text(text)
    assert main(["check", "real.yaml"]) == 0, capsys.readouterr().err
    (data / "real.yaml").write_text(text.replace("cc3m.splitcap", "cc3n.splitcap"))
    assert main(["check", "real.yaml"]) == 2
    told = "real.yaml:19: stages.multimodal.mixture: unknown task 'cc3n.splitcap'. Did you mean 'cc3m.splitcap'?"
    assert capsys.readouterr().err == f"{told}\n"


def test_scripts_that_are_no_benchmarks_are_reported_and_left_out() -> None:
    """`nox -s bench` would run them for hours."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    values = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    begin = ast.literal_eval(values["ON_REQUEST"])
    left_out = {path.name for path in (ROOT / "speed").glob("[!_]*.py") if path.name.startswith(begin)}
    table = (ROOT / "docs" / "speed.md").read_text().partition("Some scripts")[2].partition("[plan.py]")[0]
    assert left_out == set(re.findall(r"^\| \[(\w+\.py)\]", table, re.MULTILINE))


def test_every_experiment_has_a_page() -> None:
    told = "".join(file.read_text(encoding="utf-8") for file in DOCUMENTS)
    for file in sorted((ROOT / "experiments").glob("*.yaml")):
        assert file.name in told or f"experiments/{file.stem}" in told, file
