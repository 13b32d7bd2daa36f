"""Golden files: the digest of every stage of every shipped experiment, and the structure of its reports.

A changed digest invalidates the artifacts of users. It may change with a raised version of its kind or source, in a
commit that explains it and rewrites the golden file:

    python tests/test_golden.py             # the digests
    python tests/test_golden.py runs        # and the structure of the smoke reports below runs/
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from public_sets import write_public_sets

from pali3kit.config.load import load
from pali3kit.plan.graph import build

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
DIGESTS = Path(__file__).parent / "golden" / "digests.json"
REPORTS = Path(__file__).parent / "golden" / "reports.json"
SCALED = [
    (file, scale)
    for file in sorted(EXPERIMENTS.glob("*.yaml"))
    for scale in sorted(scale.stem for scale in (EXPERIMENTS / "scales").glob("*.yaml"))
]
PUBLIC = sorted((EXPERIMENTS / "public").glob("*.yaml"))


def digests(file: Path, *overrides: str) -> dict[str, str]:
    """The digest of every stage of an experiment by its label."""
    return {step.label: step.digest for step in build(load(file, overrides)).steps}


def write_public_data(root: Path) -> None:
    """ImageNet with ReaL's labels and v2, and COCO, in their layouts: two classes, three images, all empty files."""
    for wnid, names in (("n01440764", ("1", "2")), ("n01443537", ("3",))):
        for name in names:
            touch(root / "data/imagenet/val" / wnid / f"ILSVRC2012_val_{name:0>8}.JPEG")
    for number in range(1000):
        touch(root / "data/imagenetv2-matched-frequency-format-val" / str(number) / "a.jpeg")
    (root / "data/imagenet/real.json").write_text(json.dumps([[0], [], [1], *([[0]] * 49_997)]))
    touch(root / "data/coco/val2014/a.jpg")
    sentences = [{"raw": "A cat.", "tokens": ["a", "cat"]}]
    image = {"filepath": "val2014", "filename": "a.jpg", "cocoid": 9, "split": "test", "sentences": sentences}
    (root / "data/coco/dataset_coco.json").write_text(json.dumps({"images": [image], "dataset": "coco"}))


def touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


@pytest.mark.parametrize(("file", "scale"), SCALED, ids=[f"{file.stem}-{scale}" for file, scale in SCALED])
def test_the_digests_of_the_shipped_experiments(
    file: Path, scale: str, tables_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tables_data)
    assert digests(file, f"scale={scale}") == json.loads(DIGESTS.read_text())[f"{file.stem} {scale}"]


@pytest.mark.parametrize("file", PUBLIC, ids=lambda file: file.stem)
def test_the_digests_of_the_experiments_on_public_models(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_public_data(tmp_path)
    assert digests(file) == json.loads(DIGESTS.read_text())[f"public/{file.stem}"]


def test_every_golden_digest_is_of_a_shipped_experiment() -> None:
    shipped = {f"{file.stem} {scale}" for file, scale in SCALED} | {f"public/{file.stem}" for file in PUBLIC}
    assert json.loads(DIGESTS.read_text()).keys() == shipped


def skeleton(report: dict[str, Any]) -> dict[str, Any]:
    """The part of a report that does not depend on the machine: its keys, rows, columns, and every n."""
    tables = {
        table["after"]: {
            "columns": {column["name"]: [column["title"], column["metric"]] for column in table["columns"]},
            "n": {
                row["label"]: {name: cell["ours"]["n"] for name, cell in row["cells"].items() if cell["ours"]}
                for row in table["rows"]
            },
        }
        for table in report["tables"]
    }
    cells = [cell for table in report["tables"] for row in table["rows"] for cell in row["cells"].values()]
    details = sorted({f"{detail['column']} / {detail['name']}" for detail in report["details"]})
    return {"keys": sorted(report), "cell": sorted(cells[0]), "tables": tables, "details": details}


def write_digests() -> None:
    found: dict[str, dict[str, str]] = {}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        write_public_sets(Path(folder) / "data", images=False)
        os.chdir(folder)
        found |= {f"{file.stem} {scale}": digests(file, f"scale={scale}") for file, scale in SCALED}
        os.chdir(here)
    with tempfile.TemporaryDirectory() as folder:
        write_public_data(Path(folder))
        os.chdir(folder)
        found |= {f"public/{file.stem}": digests(file) for file in PUBLIC}
        os.chdir(here)
    DIGESTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def write_skeletons(runs: Path) -> None:
    found = {file.parent.name: skeleton(json.loads(file.read_text())) for file in sorted(runs.glob("*/report.json"))}
    REPORTS.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write_digests()
    for folder in sys.argv[1:]:
        write_skeletons(Path(folder))
