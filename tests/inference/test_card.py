"""The model card: what was trained on what, the numbers of the report, and whose data it was."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from PIL import Image

from pali3kit.config.load import load
from pali3kit.config.saved import to_yaml
from pali3kit.execution.store import Store
from pali3kit.inference.card import _of_cell, run_documents
from pali3kit.inference.checkpoints import STAGE_1, Architecture
from pali3kit.plan.graph import build

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "pali3.yaml"
ARCHITECTURE = Architecture(
    vision={"name": "vit", "width": 32}, projector={"name": "linear"}, language={"name": "ul2", "width": 48}
)


def documents(folder: Path, *overrides: str) -> dict[str, str]:
    """Those of a run whose only artifacts are the answers to questions: 60 and 62 with seeds 0 and 1."""
    options = ("scale=smoke", "evaluate=[vqav2]", "evaluation.after=[transfer]", "seeds=[0, 1]", *overrides)
    experiment = load(EXPERIMENT, options)
    graph, store = build(experiment), Store(folder)
    for step in graph.steps:
        if step.kind == "evaluate" and not store.done(step):
            store.work(step).mkdir(parents=True)
            mean = 60 + 2 * step.parents["model"].seed
            metrics = {"value": mean, "n": 4, "extra": {}, "samples": [mean - 3, mean + 3] * 2}
            (store.work(step) / "metrics.json").write_text(json.dumps(metrics))
            store.publish(step, seconds=1.0, threads=1)
    cell = graph.cells[1]
    transfer = cell.columns["vqav2"].parents["model"]
    models = {STAGE_1: transfer.parents["model"], "vqav2": transfer}
    return dict(run_documents(experiment, graph, cell, store, models, ARCHITECTURE))


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    return documents(tmp_path_factory.mktemp("store"))["README.md"]


def test_the_hub_reads_its_front_matter(card: str) -> None:
    data = ModelCard(card).data
    assert (data.library_name, data.pipeline_tag, data.license) == ("pali3kit", "image-text-to-text", "other")
    assert data.tags is not None and "pali-3" in data.tags


def test_stages_with_their_data_examples_and_digests(card: str) -> None:
    rows = [line for line in card.splitlines() if "| `" in line]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == ["0b", "0a", "1", "2", "3"]
    assert "| 3 | transfer/vqa seed 1 | the embedded world of pali3kit | 64 | 32 | 1 | `transfer-" in card


def test_numbers_of_this_seed_and_of_all(card: str) -> None:
    [row] = [line for line in card.splitlines() if line.startswith("| embedded/vqav2 |")]
    assert row.startswith("| embedded/vqav2 | transfer | VQA accuracy, % | 62.0 | 61.0 | 58.") and row.endswith(
        "| 4 | 2 |"
    )
    assert "95% intervals (bootstrap over samples)" in card


def test_components_and_licences_of_the_data(card: str) -> None:
    assert "| language model | ul2 (width 48) |" in card and "mask tokenizer" not in card
    assert "Twemoji | Apache-2.0, CC-BY 4.0" in card and "Unicode CLDR" in card


def test_tables_are_set_apart(card: str) -> None:
    lines = card.splitlines()
    for before, line in pairwise(lines):
        assert not line.startswith("| --- ") or before.startswith("| ")
        assert not before.startswith("| ") or line.startswith("| ") or line == "", line


def test_own_data_is_named_without_its_folder(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    rows = [{"image": "a.png", "split": split, "captions": ["a dog"]} for split in ("train", "test")]
    (tmp_path / "my_data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    own = f"stages.vision.source={{name: records, path: '{tmp_path}/my_data.jsonl', images: '{tmp_path}'}}"
    card = documents(tmp_path / "store", own)["README.md"]
    assert "| 0a | vision seed 1 | records my\\_data.jsonl | 128 |" in card and str(tmp_path) not in card
    assert "- records my\\_data.jsonl: the terms of its providers" in card


def test_the_experiment_goes_along_without_the_folders_of_this_machine(tmp_path: Path) -> None:
    recipe = yaml.safe_load(documents(tmp_path / "store", "runtime.runs=/secret")["recipe.yaml"])
    assert recipe["runtime"]["runs"] == "runs" and recipe["stages"]["transfer"]["examples"] == 64


def test_the_recipe_is_that_of_the_cell(tmp_path: Path) -> None:
    """Of a grid of two pretrainings, with the second of two seeds: it has the same steps."""
    grid = "grid={pretrain: [classif, siglip], evaluation.constrained: [true]}"
    (tmp_path / "recipe.yaml").write_text(documents(tmp_path / "store", grid)["recipe.yaml"], encoding="utf-8")
    own = load(tmp_path / "recipe.yaml")
    assert (own.grid, own.baseline, own.seeds, own.pretrain) == ({}, {}, [1], "classif")
    assert own.evaluation.constrained
    options = ("scale=smoke", "evaluate=[vqav2]", "evaluation.after=[transfer]", "seeds=[0, 1]", grid)
    wanted, [found] = build(load(EXPERIMENT, options)).cells[1], build(own).cells
    assert found.columns["vqav2"].digest == wanted.columns["vqav2"].digest


def test_a_recipe_has_the_benchmarks_of_its_cell(tmp_path: Path) -> None:
    """One of two cells has no text tower for `retrieval`, which a run of this cell alone would refuse."""
    experiment = load(EXPERIMENT.with_name("embedded_stage0.yaml"), ["scale=smoke"])
    cells = build(experiment).cells
    for cell in cells:
        (tmp_path / "recipe.yaml").write_text(to_yaml(_of_cell(experiment, cell)), encoding="utf-8")
        [found] = build(load(tmp_path / "recipe.yaml")).cells
        assert {name: step.digest for name, step in found.columns.items()} == {
            name: step.digest for name, step in cell.columns.items()
        }
    assert len({tuple(cell.columns) for cell in cells}) == 2


def test_slices_fill_a_section_and_their_absence_is_told(tmp_path: Path, card: str) -> None:
    section = card.split("## Fairness, bias, toxicity")[1].split("## Data")[0]
    assert "No slices of the test examples were measured" in section and "Not measured: attributes beyond" in section
    folder, by = tmp_path / "store", "evaluation.slices.by=[disc]"
    options = ("scale=smoke", "evaluate=[vqav2]", "evaluation.after=[transfer]", "seeds=[0, 1]", by)
    rows = [{"image": n, "prompt": "q", "prediction": "", "language": "en", "score": 100 * (n % 4 == 0),
             "attributes": {"disc": "with" if n % 2 else "without"}} for n in range(200)]  # fmt: skip
    store = Store(folder)
    for step in build(load(EXPERIMENT, options)).steps:
        if step.kind == "evaluate":
            store.work(step).mkdir(parents=True)
            (store.work(step) / "predictions.jsonl").write_text("\n".join(map(json.dumps, rows)))
            (store.work(step) / "metrics.json").write_text(json.dumps({"value": 25, "samples": [25] * 200}))
            store.publish(step, seconds=1.0, threads=1)
    shown = documents(folder, by)["README.md"].split("## Fairness, bias, toxicity")[1].split("## Data")[0]
    assert "**embedded/vqav2, by disc (VQA accuracy, %)**" in shown
    assert "\n|  | n | ours |\n| --- | ---: | ---: |\n| with | 100 | 0.0 (0.0 to " in shown
    assert "| slices differ |  | yes, p = 0.001 |" in shown
