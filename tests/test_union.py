"""Five kinds of public files as one source, from pretraining to the report, where the numbers mean nothing."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import true_files
import yaml

ROOT = Path(__file__).parents[1]
BROKEN, LOST = "cc/00000/000000003.jpg", "coco/train2014/COCO_train2014_000000000031.jpg"
BUDGETS = {
    "vision": {"examples": 64}, "mask_tokenizer": {"examples": 64}, "language": {"examples": 32},
    "transfer": {"examples": 32},
    "multimodal": {
        "examples": 64,
        "mixture": {"caption_multilingual": 0, "object_vqa": 0, "detect": 0, "refs.refer": 2},
    },
}  # fmt: skip


def write(folder: Path) -> int:
    """Twelve, eight, six, six and ten images, one of which is broken and one lost; how many there are to test on."""
    true_files.conceptual_captions(folder / "cc.tsv", folder / "cc", range(12))
    true_files.karpathy(folder / "dataset_coco.json", folder / "coco", range(12, 20), range(20, 23))
    true_files.vqa_v2(folder / "q.json", folder / "a.json", folder / "coco", range(30, 36))
    true_files.vqa_v2(folder / "q_val.json", folder / "a_val.json", folder / "coco", range(36, 39), "val2014")
    true_files.text_ocr(folder / "textocr.json", folder / "openimages", range(40, 46))
    called = true_files.instances(folder / "instances.json", folder / "train2014", range(50, 62))
    expressions = true_files.refer(folder / "refcoco", called, val=range(60, 62))
    (folder / BROKEN).write_bytes(b"no image")
    (folder / LOST).unlink()
    questions = len(json.loads((folder / "q_val.json").read_text())["questions"])
    return 3 + questions + expressions


def experiment(folder: Path, tested: int) -> dict[str, object]:
    def at(**files: str) -> dict[str, str]:
        return {key: str(folder / name) for key, name in files.items()}

    parts = {
        "alt": {"name": "tsv", **at(path="cc.tsv", images="cc")},
        "coco": {"name": "coco_captions", **at(path="dataset_coco.json", images="coco", test="dataset_coco.json")},
        "vqa": {"name": "vqa", **at(path="q.json", annotations="a.json", images="coco", test="q_val.json",
                                  test_annotations="a_val.json")},
        "text": {"name": "ocr", **at(path="textocr.json", images="openimages")},
        "refs": {"name": "refcoco", **at(path="refcoco", instances="instances.json", images="train2014",
        test="refcoco")},
    }  # fmt: skip
    return {
        "name": "many", "scale": "smoke", "pretrain": "siglip", "evaluate": ["coco", "vqav2", "refcoco"],
        "data": {
            "source": {"name": "union", "parts": parts}, "train": 42, "test": tested,
            "tasks": {"coco": "coco.caption", "vqav2": "vqa.vqa"},
        },
        "tokenizer": {"vocabulary": 420, "sentences": 200}, "stages": BUDGETS, "evaluation": {"limit": 3},
        "runtime": {"parallel_stages": 1},
    }  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("many")
    tested = write(folder)
    (folder / "scales").symlink_to(ROOT / "experiments/scales")
    (folder / "many.yaml").write_text(yaml.safe_dump(experiment(folder, tested)))
    command = [sys.executable, "-m", "pali3kit.run", "many.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def artifact(folder: Path, kind: str) -> tuple[dict[str, Any], list[str]]:
    """The configuration of the one artifact of a kind, and what it skipped."""
    [found] = (folder / "runs/store").glob(f"{kind}-*")
    skipped = found / "skipped.txt"
    manifest = json.loads((found / "manifest.json").read_text())
    return manifest["config"], skipped.read_text().splitlines() if skipped.exists() else []


def test_every_column_has_a_number(finished: tuple[Path, str]) -> None:
    folder, output = finished
    report = json.loads((folder / "runs/many/report.json").read_text())
    [table] = report["tables"]
    assert [column["title"] for column in table["columns"]] == ["coco/coco", "vqa/vqav2", "union/refcoco"]
    for column in table["columns"]:
        [cell] = [row["cells"][column["name"]] for row in table["rows"]]
        assert cell["status"] == "done" and math.isfinite(cell["ours"]["mean"]) and cell["ours"]["n"] == 3, cell
    assert "Failed" not in output


def test_each_stage_learns_from_the_parts_that_have_what_it_needs(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    seen = {
        kind: set(artifact(folder, kind)[0]["source"]["parts"]) for kind in ("vision", "mask_tokenizer", "multimodal")
    }
    assert seen == {
        "vision": {"alt", "coco"},
        "mask_tokenizer": {"refs"},
        "multimodal": {"alt", "coco", "vqa", "text", "refs"},
    }


def test_what_is_broken_or_lost_is_counted_and_nothing_else(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    [broken] = artifact(folder, "vision")[1]
    assert "not an image in a known format (8 bytes)" in broken
    assert "cc.tsv:4" in broken or BROKEN in broken
    kept = {tuple(file.read_text().splitlines()) for file in (folder / "runs/store").glob("features-*/skipped.txt")}
    [[first, second]] = kept
    assert first == broken and Path(LOST).name in second
    report = (folder / "runs/many/report.md").read_text()
    assert "vision: left out, as unreadable: 1 sample (" in report
    assert "features/train: left out, as unreadable: 2 samples (" in report
