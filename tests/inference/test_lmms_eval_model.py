"""lmms-eval measures a saved PaLI on local files, offline, as we do.

It needs the extra `lmms-eval`, whose pins are not part of `dev`: `nox -s lmms_eval`, or an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from random_pali import MemoryCheckpoints

from pali3kit.inference.pali import PaLI
from pali3kit.metrics.vqa import vqa_accuracy

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).parents[2]
GROUP = "lmms_eval.models"
NEEDED = (
    "lmms_eval", "accelerate", "datasets", "evaluate", "filelock._api", "loguru", "pyarrow", "sacrebleu", "tenacity",
)  # fmt: skip
QUESTIONS = ("what is it?", "a red fox?", "2 dogs?", "red and 2?", "is it a fox?")
RIGHT = (0, 1, 2, 3, 10)  # of the ten people who answer a question, those who say what PaLI says


# The command line would index all tasks of lmms-eval, and ends with 0 after errors.
PROGRAM = """
import json, sys
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager

folder, saved = sys.argv[1:]
tasks = TaskManager("ERROR", include_path=folder, include_defaults=False, model_name="pali3kit")
found = simple_evaluate(
    model="pali3kit", model_args=saved, tasks=["vqav2_local"], batch_size=1, device="cpu", task_manager=tasks,
    bootstrap_iters=0,
)
print(json.dumps(found["results"]["vqav2_local"], default=str))
"""


def entry_point() -> str:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["entry-points"][GROUP]["pali3kit"])


def test_the_entry_point_is_there() -> None:
    module, _, name = entry_point().partition(":")
    file = CHECKOUT.joinpath(*module.split(".")).with_suffix(".py")
    assert f"\ndef {name}() -> ModelManifest:\n" in file.read_text(encoding="utf-8")


def stored_questions(folder: Path, pali: PaLI) -> float:
    """Write VQAv2's columns to a Parquet file; the accuracy that we find for PaLI's answers."""
    import pyarrow
    from pyarrow.parquet import write_table

    rows, predicted, known = [], [], []
    for number, question in enumerate(QUESTIONS):
        image = Image.new("RGB", (40, 30), (50 * number, 90, 120))
        image.save(buffer := BytesIO(), "PNG")
        said = pali.ask(image, question)
        answers = [said] * RIGHT[number] + ["something else"] * (10 - RIGHT[number])
        given = [{"answer": text, "answer_confidence": "yes", "answer_id": place} for place, text in enumerate(answers)]
        picked = {"bytes": buffer.getvalue(), "path": f"{number}.png"}  # null has another Arrow type than Image
        rows.append({"image": picked, "question": question, "question_id": number, "answers": given})
        predicted.append(said)
        known.append(answers)
    features = {"image": {"_type": "Image"}, "question": {"dtype": "string", "_type": "Value"},
                "question_id": {"dtype": "int64", "_type": "Value"},
                "answers": [{"answer": {"dtype": "string", "_type": "Value"},
                             "answer_confidence": {"dtype": "string", "_type": "Value"},
                             "answer_id": {"dtype": "int64", "_type": "Value"}}]}  # fmt: skip
    table = pyarrow.Table.from_pylist(rows)
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    folder.mkdir()
    write_table(table.replace_schema_metadata(told), folder / "validation-00000-of-00001.parquet")
    return vqa_accuracy(predicted, known)[0]


def task(folder: Path, data: Path) -> None:
    """Their task on VQAv2's validation questions, on our files."""
    spec = find_spec("lmms_eval")
    assert spec is not None and spec.submodule_search_locations
    theirs = Path(spec.submodule_search_locations[0]) / "tasks" / "vqav2" / "vqav2_val.yaml"
    told = {"task": "vqav2_local", "include": str(theirs), "dataset_path": str(data), "dataset_kwargs": {}}
    folder.mkdir()
    (folder / "vqav2_local.yaml").write_text("\n".join(f"{key}: {json.dumps(each)}" for key, each in told.items()))


def installed(folder: Path) -> None:
    """Metadata of our package, as an installation leaves it."""
    info = folder / "pali3kit_here-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pali3kit-here\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\npali3kit = {entry_point()}\n")


@pytest.mark.slow
def test_lmms_eval_finds_the_same_accuracy(tmp_path: Path) -> None:
    if absent := [name for name in NEEDED if find_spec(name) is None]:
        pytest.skip(f"lmms-eval and what it needs, in an environment of its own: no {', '.join(absent)}")
    pali = PaLI(MemoryCheckpoints(tmp_path / "memory"), device="cpu")
    pali.save_pretrained(tmp_path / "saved")
    ours = stored_questions(tmp_path / "data", pali)
    task(tmp_path / "tasks", tmp_path / "data")
    installed(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "tasks"), f"pretrained={tmp_path / 'saved'}"],
        env={
            **os.environ, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(tmp_path / "site"), *sys.path[1:]]),
            "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub"),
        },
        capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])["exact_match,none"]
    assert found == pytest.approx(ours) and 0 < ours < 1
