"""The main job at smoke scale, with the real stages: one command, a report, nothing to do twice, kill -9 survived."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from test_golden import skeleton

ROOT = Path(__file__).parents[1]
KINDS = ["tokenizer", "vision", "mask_tokenizer", "language", "features", "multimodal", "transfer", "embed", "evaluate"]
RECIPE = ["multimodal", "resolution", "transfer", "evaluate"]
COLUMNS = {
    "probe", "coco", "xm3600.en", "xm3600.avg35", "vqav2", "okvqa", "textvqa",
    "refcoco", "refcoco_plus", "refcocog",
}  # fmt: skip


def start(
    folder: Path, *overrides: str, experiment: str = "ablate_classif", group: bool = False
) -> subprocess.Popen[str]:
    """The command; with `group`, in a process group of its own."""
    words = ["scale=smoke", f"runtime.runs={folder}", f"runtime.store={folder}/store", *overrides]
    command = [sys.executable, "-m", "pali3kit.run", f"experiments/{experiment}.yaml", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, start_new_session=group, **output)


def finish(folder: Path, *overrides: str, experiment: str = "ablate_classif") -> str:
    process = start(folder, *overrides, experiment=experiment)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return output


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "log.txt"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("smoke")
    return folder, finish(folder)


def test_the_table_and_the_reports_are_there(finished: tuple[Path, str]) -> None:
    folder, output = finished
    run = folder / "ablate_classif"
    assert {"report.json", "report.csv", "report.md", "report.html"} <= {path.name for path in run.iterdir()}
    report = json.loads((run / "report.json").read_text())
    [table] = report["tables"]
    assert {column["name"] for column in table["columns"]} == {f"embedded/{name}" for name in COLUMNS}
    assert "Classif" in output and "SigLIP" in output and "Paper" in output and "83.7†" in output
    page = (run / "report.html").read_text()
    assert "<script src" not in page and 'href="http' not in page and page.count("<svg") > 10


def test_the_skeleton_of_the_report_is_the_golden_one(finished: tuple[Path, str], encoders: Path) -> None:
    """Keys, rows, columns and every n: what moves must not change."""
    golden = json.loads((ROOT / "tests" / "golden" / "reports.json").read_text())
    for experiment in ("ablate_classif", "table6"):
        report = json.loads((finished[0] / experiment / "report.json").read_text())
        assert skeleton(report) == golden[experiment]


def test_the_same_command_again_does_nothing_and_says_so(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = hashes(folder)
    started = time.monotonic()
    assert "nothing to run" in finish(folder)
    assert hashes(folder) == before
    assert time.monotonic() - started < 60


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["", "file://"])
def test_the_report_is_the_same_wherever_artifacts_come_from(
    finished: tuple[Path, str], tmp_path: Path, protocol: str
) -> None:
    """From a folder, which is left as it is, and from a URL; the corpus is not there, and not made."""
    lab = tmp_path / "lab"
    for artifact in (finished[0] / "store").glob("*-*"):
        if artifact.name.startswith(("tokenizer-", "vision-", "language-", "mask_tokenizer-")):
            shutil.copytree(artifact, lab / artifact.name)
    before = {path: path.stat().st_mtime_ns for path in [lab, *lab.rglob("*")]}
    output = finish(tmp_path, f"runtime.read_from=[{protocol}{lab}]")
    assert "1 is not needed" in output and not list((tmp_path / "store").glob("corpus-*"))
    assert len(list((tmp_path / "store").glob("vision-*"))) == (2 if protocol else 0)
    one, other = finished[0] / "ablate_classif", tmp_path / "ablate_classif"
    for name in ("report.json", "report.csv", "report.md", "report.tex"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    pages = [re.sub(r"<section><h2>Cost.*?</section>", "", (run / "report.html").read_text(), flags=re.DOTALL)
             for run in (one, other)]  # fmt: skip
    assert pages[0] == pages[1]
    assert {path: path.stat().st_mtime_ns for path in [lab, *lab.rglob("*")]} == before


def test_another_arm_reuses_what_it_shares(finished: tuple[Path, str]) -> None:
    """Only what depends on the arm is made: not the tokenizer, the mask tokenizer or the language model."""
    folder, _ = finished
    output = finish(folder, "name=another", "grid.pretrain=[classif,random]", "evaluate=[vqav2]")
    made = [line.split("]", 1)[1].split()[0] for line in output.splitlines() if line.startswith("[")]
    assert sorted(made) == [
        "evaluate/embedded/vqav2",
        "features/test",
        "features/train",
        "multimodal",
        "transfer/vqa",
        "vision",
    ]


def test_one_arm_stands_among_the_systems_of_a_table(finished: tuple[Path, str]) -> None:
    """Nothing is made: the paper's table is another report of the same steps."""
    folder, _ = finished
    words = ["grid={}", "baseline={}", "pretrain=siglip", "evaluate=[coco,vqav2,okvqa]"]
    output = finish(folder, "name=systems", "paper=table4", *words)
    assert "nothing to run" in output and "149.2" in output and "57.8†" in output
    assert (
        "| PaLI-3 (5B) | 145.9 | 85.0 | 60.1† |\n| pali3kit, this run |" in (folder / "systems/report.md").read_text()
    )


@pytest.mark.parametrize(
    ("experiment", "rows"),
    [
        ("ablate_projector", ["linear", "mlp", "pixel_shuffle", "resampler"]),
        ("ablate_language", ["ul2", "prefix_lm"]),
        ("ablate_resolution", ["false", "true"]),
    ],
)
def test_the_other_ablations_finish_with_a_row_for_each_arm(
    finished: tuple[Path, str], experiment: str, rows: list[str]
) -> None:
    folder, _ = finished
    finish(folder, "evaluate=[vqav2,refcoco]", experiment=experiment)
    [table] = json.loads((folder / experiment / "report.json").read_text())["tables"]
    assert len(table["rows"]) == len(rows)
    for row, name in zip(table["rows"], rows, strict=True):
        assert name in json.dumps(row)
        assert all(cell["status"] == "done" and cell["ours"]["n"] > 0 for cell in row["cells"].values())


@pytest.fixture(scope="session")
def recipe(finished: tuple[Path, str]) -> Path:
    finish(finished[0], "evaluate=[vqav2,refcoco]", experiment="pali3")
    return finished[0]


def test_the_whole_recipe_is_measured_after_each_of_its_stages(recipe: Path) -> None:
    folder = recipe
    report = json.loads((folder / "pali3" / "report.json").read_text())
    assert [table["after"] for table in report["tables"]] == ["multimodal", "resolution", "transfer"]
    assert "After stage 2" in (folder / "pali3" / "report.md").read_text()
    assert "resolution/1@96" in [stage["label"] for stage in report["stages"]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_in_any_stage_it_ends_with_the_same_report(
    finished: tuple[Path, str], tmp_path: Path, kind: str
) -> None:
    """From a copy of the finished run without this kind and the later ones, killed while the kind is made."""
    copy_without(finished[0], tmp_path, KINDS[KINDS.index(kind) :])
    process = start(tmp_path)
    while not any((tmp_path / "store" / "work").glob(f"{kind}-*")):
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "ablate_classif" / "report.json").exists()
    finish(tmp_path)
    report = Path("ablate_classif") / "report.json"
    assert (tmp_path / report).read_bytes() == (finished[0] / report).read_bytes()


@pytest.mark.slow
def test_killed_again_and_again_in_every_stage_it_ends_with_the_same_report(tmp_path: Path) -> None:
    """The group, the parent or a worker, while each kind of stage is made and while the report is written."""
    command = [sys.executable, str(ROOT / "speed" / "kill.py"), str(tmp_path), "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def encoders(finished: tuple[Path, str]) -> Path:
    """Both experiments on the encoder alone that between them have every column, beside the main job's encoders."""
    for experiment in ("siglip_imagenet", "table6"):
        finish(finished[0], experiment=experiment)
    return finished[0]


def test_table_6_has_its_columns_and_images(encoders: Path) -> None:
    report = json.loads((encoders / "table6" / "report.json").read_text())
    [table] = report["tables"]
    assert [row["label"] for row in table["rows"]] == ["Classif", "SigLIP", "Classif, LiT-tuned", "SigLIP, LiT-tuned"]
    measured = {row["label"]: {name for name, cell in row["cells"].items() if cell["ours"]} for row in table["rows"]}
    alone = {f"embedded/{name}" for name in ("finetune.top1", "finetune.real", "finetune.v2", "probe")}
    ways = ("zero_shot.top1", "zero_shot.real", "zero_shot.v2", "retrieval.i2t", "retrieval.t2i")
    texts = {f"embedded/{name}" for name in ways}
    assert measured == {label: alone | (set() if label == "Classif" else texts) for label in measured}
    assert [figure["kind"] for figure in report["figures"]] == ["lines", "bars", "bars"]
    assert all(len(figure["places"]) in (2, 36) for figure in report["figures"])
    page = (encoders / "table6" / "report.html").read_text()
    assert page.count('class="chart bars"') == 2 and page.count('class="chart lines"') == 1
    assert "ViT-e/14 Classif" in page and "56.9†" in page


def test_every_way_to_a_class_is_measured(encoders: Path) -> None:
    report = json.loads((encoders / "siglip_imagenet" / "report.json").read_text())
    [table] = report["tables"]
    ways = ("finetune", "linear", "knn", "zero_shot")
    assert [column["name"] for column in table["columns"]] == [
        f"embedded/{way}.{part}" for way in ways for part in ("top1", "real", "v2")
    ]
    assert all(cell["status"] == "done" and cell["ours"] for row in table["rows"] for cell in row["cells"].values())


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["siglip_probe", "siglip_xm3600"])
def test_what_table_6_joins_is_there_already(encoders: Path, experiment: str) -> None:
    output = finish(encoders, experiment=experiment)
    assert "nothing to run" in output


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lit", "finetune", "embed"])
def test_killed_in_a_stage_on_the_encoder_alone_it_ends_with_the_same_report(
    encoders: Path, tmp_path: Path, kind: str
) -> None:
    later = ["embed", "classify", "probe", "zero_shot", "retrieval"]
    copy_without(encoders, tmp_path, [kind, *later])
    process = start(tmp_path, experiment="table6")
    while not any((tmp_path / "store" / "work").glob(f"{kind}-*")):
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finish(tmp_path, experiment="table6")
    report = Path("table6") / "report.json"
    assert (tmp_path / report).read_bytes() == (encoders / report).read_bytes()


@pytest.fixture(scope="session")
def uninterrupted(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe's stages all made by one run: with as many threads, which last digits depend on, as those below."""
    folder = tmp_path_factory.mktemp("recipe")
    copy_without(recipe, folder, RECIPE)
    finish(folder, "evaluate=[vqav2,refcoco]", experiment="pali3")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", RECIPE[:3])
def test_told_to_stop_in_a_stage_of_the_recipe_it_ends_with_the_same_report(
    uninterrupted: Path, tmp_path: Path, kind: str
) -> None:
    """The signal of a preemption goes to the command, its workers and all that they started."""
    words = ["evaluate=[vqav2,refcoco]", "runtime.checkpoint_seconds=0"]
    copy_without(uninterrupted, tmp_path, RECIPE[RECIPE.index(kind) :])
    process = start(tmp_path, *words, experiment="pali3", group=True)
    while not any((tmp_path / "store" / "work").glob(f"{kind}-*/checkpoint/*/manifest.json")):
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 143, output
    assert "stopped by SIGTERM" in output and "Traceback" not in output
    gone = time.monotonic() + 30  # what multiprocessing itself started ends when it finds its pipe closed
    while alive(process.pid) and time.monotonic() < gone:
        time.sleep(0.05)
    assert not alive(process.pid)
    assert not (tmp_path / "pali3" / "report.json").exists()
    assert "continues from its checkpoint" in finish(tmp_path, *words, experiment="pali3")
    report = Path("pali3") / "report.json"
    assert (tmp_path / report).read_bytes() == (uninterrupted / report).read_bytes()


def copy_without(folder: Path, to: Path, kinds: list[str]) -> None:
    """The store of a finished run, but for what is of these kinds."""
    shutil.copytree(folder / "store", to / "store")
    for kind in kinds:
        for artifact in (to / "store").glob(f"{kind}-*"):
            shutil.rmtree(artifact)


def alive(group: int) -> list[str]:
    """The processes of a group, but for those whose end only waits to be noticed."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, number = file.read_text().rpartition(")")[2].split()[:3]
            found += [file.parent.name] if int(number) == group and state != "Z" else []
    return found
