"""Tiny files in the layouts of public data sets below one root, from pretraining to the report."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import true_files
import yaml

ROOT = Path(__file__).parents[1]
EVALUATE = ["coco", "xm3600", "vqav2", "okvqa", "textvqa", "refcoco", "refcocog", "retrieval"]
TITLES = [
    "COCO (Karpathy test)", "XM3600 (en)", "VQAv2 (val)", "OKVQA (val)", "TextVQA (val)", "RefCOCO (val)",
    "RefCOCOg (val)", "XM3600 (image to text)", "XM3600 (text to image)",
]  # fmt: skip


def write(root: Path) -> None:
    """Every set of `EVALUATE`, of a few images each."""
    true_files.karpathy(root / "coco/dataset_coco.json", root / "coco", range(12, 20), range(20, 23))
    for folder, questions, answers in (
        ("vqav2", "v2_OpenEnded_mscoco_{}_questions.json", "v2_mscoco_{}_annotations.json"),
        ("okvqa", "OpenEnded_mscoco_{}_questions.json", "mscoco_{}_annotations.json"),
    ):
        for split, numbers in (("train2014", range(30, 36)), ("val2014", range(36, 39))):
            files = (root / folder / name.format(split) for name in (questions, answers))
            true_files.vqa_v2(*files, root / "coco", numbers, split)
    for split, numbers in (("train", range(70, 74)), ("val", range(74, 76))):
        asked = [{"question_id": n, "image_id": str(n), "question": "what?", "answers": ["open"] * 10} for n in numbers]
        true_files.write(root / f"textvqa/TextVQA_0.5.1_{split}.json", {"data": asked})
        for number in numbers:
            true_files.image(root / f"textvqa/train_images/{number}.jpg", number)
    instances = root / "coco/annotations/instances_train2014.json"
    called = true_files.instances(instances, root / "coco/train2014", range(50, 62))
    true_files.refer(root / "refer", called, val=range(60, 62))
    true_files.xm3600(root / "xm3600")
    true_files.translations(root / "xm3600/coco_mt_train.jsonl.bz2", range(12, 20))


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pali3kit.run", *words, "rooted.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooted")
    write(folder / "sets")
    (folder / "scales").symlink_to(ROOT / "experiments/scales")
    experiment = {
        "name": "rooted", "scale": "smoke", "pretrain": "siglip", "evaluate": EVALUATE, "data": {"root": "sets"},
        "evaluation": {"limit": 3}, "runtime": {"parallel_stages": 1},
    }  # fmt: skip
    (folder / "rooted.yaml").write_text(yaml.safe_dump(experiment))
    return folder


@pytest.mark.slow
def test_what_is_below_the_root_is_measured_under_its_own_name(folder: Path) -> None:
    done = run(folder)
    assert done.returncode == 0 and "embedded/" not in done.stdout, done.stdout + done.stderr
    report = json.loads((folder / "runs/rooted/report.json").read_text())
    [table] = report["tables"]
    assert [column["title"] for column in table["columns"]] == TITLES
    assert all(cell["status"] == "done" for row in table["rows"] for cell in row["cells"].values())
    with (folder / "runs/rooted/report.csv").open() as file:
        assert not any("/" in row["column"].partition(" / ")[0] for row in csv.DictReader(file))
    assert any(note.endswith("No column is measured on it.") for note in report["notes"])
    page = (folder / "runs/rooted/report.html").read_text()
    assert 'id="image-vqav2-0-64"' in page and 'id="image-coco-0-64"' in page


@pytest.mark.slow
def test_the_report_is_written_again_from_the_store(folder: Path) -> None:
    before = (folder / "runs/rooted/report.json").read_bytes()
    command = [sys.executable, "-m", "pali3kit.run", "report", "runs/rooted"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=200, check=True)
    assert (folder / "runs/rooted/report.json").read_bytes() == before


@pytest.mark.slow
def test_each_has_features_and_a_transfer_of_its_own(folder: Path) -> None:
    done = run(folder, "plan")
    labels = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    assert {"features/vqav2.train", "transfer/vqav2", "features/vqav2.test", "evaluate/vqav2"} <= labels, done.stderr
    assert {"transfer/textvqa", "evaluate/refcocog", "multimodal", "features/train"} <= labels
    assert "features/test" not in labels, "nothing is measured on the embedded world"


def test_a_set_that_is_gone_is_an_error_before_anything_runs(folder: Path) -> None:
    (folder / "sets/okvqa").rename(folder / "sets/OKVQA")
    done = run(folder, "check")
    (folder / "sets/OKVQA").rename(folder / "sets/okvqa")
    assert done.returncode != 0
    assert "benchmark 'okvqa' is measured on OKVQA (val), and there is no" in done.stdout + done.stderr
    assert "Did you mean 'OKVQA'?" in done.stdout + done.stderr
