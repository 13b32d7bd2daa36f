"""A benchmark that is measured again on a run gives what the run stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from random_pali import MemoryCheckpoints

from pali3kit.config.load import load
from pali3kit.config.saved import find_store, read_experiment
from pali3kit.errors import ConfigError, DataError
from pali3kit.execution.store import Store
from pali3kit.inference.checkpoints import STAGE_1
from pali3kit.inference.evaluator import Evaluator
from pali3kit.inference.run import RunCheckpoints
from pali3kit.models.pali import PaLIModel


@pytest.mark.parametrize("benchmark", ["vqav2", "refcoco"])
def test_files_are_those_of_the_run(
    checkpoints: RunCheckpoints, run_folder: Path, benchmark: str, tmp_path: Path
) -> None:
    experiment, seen = read_experiment(run_folder), list[tuple[int, int]]()
    scores = Evaluator(checkpoints, benchmark, experiment).run(tmp_path, lambda *numbers: seen.append(numbers))
    store = Store.of(experiment.runtime, find_store(experiment, run_folder))
    stored = store.path(checkpoints.run.cell.columns[benchmark])
    for name in ("predictions.jsonl", "metrics.json"):
        assert (tmp_path / name).read_bytes() == (stored / name).read_bytes()
    assert seen[-1] == (scores.n, scores.n)
    conditions = json.loads((tmp_path / "config.json").read_text())
    assert conditions.pop("model") == checkpoints.name and conditions.pop("checkpoint") == benchmark
    assert conditions == checkpoints.run.cell.columns[benchmark].plain


def test_the_checkpoint_is_the_benchmarks_transfer_or_the_general_one(
    checkpoints: RunCheckpoints, run_folder: Path
) -> None:
    experiment = read_experiment(run_folder)
    assert Evaluator(checkpoints, "refcoco_plus", experiment).checkpoint == "refcoco"
    other = replace(experiment, evaluate=["textvqa"])
    assert Evaluator(checkpoints, "textvqa", other).checkpoint == STAGE_1
    assert Evaluator(checkpoints, "textvqa", other, "vqav2", beams=3).config.beams == 3
    with pytest.raises(ConfigError, match=r"has no checkpoint 'vqa'\. Did you mean 'vqav2'\?"):
        Evaluator(checkpoints, "textvqa", other, "vqa")


def test_the_experiment_says_whether_regions_are_constrained(checkpoints: RunCheckpoints, run_folder: Path) -> None:
    experiment = read_experiment(run_folder)
    free = replace(experiment, evaluation=replace(experiment.evaluation, constrained=False))
    assert [Evaluator(checkpoints, "refcoco", each).config.constrained for each in (experiment, free)] == [True, False]


def test_a_shared_transfer_answers_all_benchmarks_of_its_mixture(tmp_path: Path) -> None:
    told = {"name": "x", "scale": "smoke", "pretrain": "siglip", "evaluate": ["vqav2"]}
    told["stages"] = {"transfer": {"benchmarks": {"okvqa": {"mixture": {"okvqa": 1, "vqav2": 1}}}}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(told))
    experiment, memory = load(tmp_path / "x.yaml"), MemoryCheckpoints(tmp_path)
    found = {name: Evaluator(memory, name, experiment).checkpoint for name in ("vqav2", "okvqa", "miap", "coco")}
    assert found == {"vqav2": "vqav2", "okvqa": "vqav2", "miap": "vqav2", "coco": STAGE_1}


class Killed(BaseException):
    pass


@pytest.fixture
def docvqa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Evaluator]:
    """The evaluator of five questions on five pages, each a batch of its own; their answers may not be public."""
    monkeypatch.chdir(tmp_path)

    def make(public: bool = False, limit: int = 5, seed: int = 0, **changed: Any) -> Evaluator:
        for split in ("train", "val"):
            folder = Path("sets/docvqa", split, "documents")
            folder.mkdir(parents=True, exist_ok=True)
            asked = []
            for number in range(5):
                Image.new("RGB", (40, 30), (9 * number,) * 3).save(folder / f"{number}.png")
                told = {"questionId": 50 + number, "question": f"what is {number}?", "image": f"documents/{number}.png"}
                asked.append({**told, **changed, **({"answers": ["2 dogs"]} if public or split == "train" else {})})
            Path(f"sets/docvqa/{split}_v1.0.json").write_text(json.dumps({"data": asked}))
        told = {"name": "x", "scale": "smoke", "pretrain": "siglip", "evaluate": ["docvqa"], "data": {"root": "sets"}}
        Path("x.yaml").write_text(yaml.safe_dump({**told, "evaluation": {"limit": limit}}))
        checkpoints = MemoryCheckpoints(tmp_path / "memory")
        evaluator = Evaluator(checkpoints, "docvqa", load("x.yaml"))
        evaluator.execution = replace(evaluator.execution, max_tokens_per_microbatch=1)
        with torch.no_grad():
            checkpoints.model(evaluator.checkpoint).projector.linear.bias += seed  # type: ignore[operator, union-attr]
        return evaluator

    return make


def test_a_test_split_without_public_answers_is_submitted(docvqa: Callable[..., Evaluator]) -> None:
    docvqa().publish(Path("out"), lambda done, total: None)
    rows = [json.loads(line) for line in Path("out/predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [50, 51, 52, 53, 54] and not any("score" in row for row in rows)
    submitted = json.loads(Path("out/submission.json").read_text())
    assert submitted == [{"questionId": row["id"], "answer": row["prediction"]} for row in rows]
    assert sorted(each.name for each in Path("out").iterdir()) == [
        "config.json", "predictions.jsonl", "submission.json",
    ]  # fmt: skip
    docvqa(public=True).publish(Path("scored"), lambda done, total: None)
    assert json.loads(Path("scored/submission.json").read_text()) == submitted
    assert json.loads(Path("scored/metrics.json").read_text())["n"] == 5


def test_an_image_that_cannot_be_read_is_answered_all_the_same(
    docvqa: Callable[..., Evaluator], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluator = docvqa()
    evaluator.execution = replace(evaluator.execution, max_bad_fraction=0.5)
    Path("sets/docvqa/val/documents/2.png").write_bytes(b"no image")
    evaluator.publish(Path("out"), lambda done, total: None)
    assert len(json.loads(Path("out/submission.json").read_text())) == 5
    assert "not an image in a known format" in Path("out/skipped.txt").read_text()
    evaluator = docvqa(public=True)
    evaluator.execution = replace(evaluator.execution, max_bad_fraction=0.5)
    Path("sets/docvqa/val/documents/2.png").write_bytes(b"no image")
    evaluator.publish(Path("scored"), lambda done, total: None)
    assert not Path("scored/submission.json").exists() and json.loads(Path("scored/metrics.json").read_text())["n"] == 4
    assert "no submission.json: images of 1 examples cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 3}, "3 of 5 test examples are asked: set evaluation.limit=5"),
        (
            {"questionId": None},
            r"val_v1\.0.*\.json: test example 0 .*: 'questionId' should be a whole number, not nothing",
        ),
        ({"questionId": 7}, r"test example 1 .*: 'questionId' 7 is already that of test example 0"),
    ],
)
def test_what_a_server_would_refuse_is_told_before_anything_is_answered(
    docvqa: Callable[..., Evaluator], options: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    docvqa(public=True, **options).publish(Path("scored"), lambda done, total: None)
    assert Path("scored/metrics.json").exists() and "no submission.json: " in capsys.readouterr().err
    monkeypatch.delattr(PaLIModel, "generate")
    with pytest.raises(DataError, match=message):
        docvqa(**options).publish(Path("out"), lambda done, total: None)
    assert not [*Path().glob("out*")]


def test_a_test_split_with_a_question_that_is_left_out_is_not_submitted(docvqa: Callable[..., Evaluator]) -> None:
    evaluator, file = docvqa(), Path("sets/docvqa/val_v1.0.json")
    asked = json.loads(file.read_text())["data"]
    file.write_text(json.dumps({"data": [*asked, {**asked[0], "questionId": 55, "question": " "}]}))
    with pytest.raises(DataError, match=r"an answer to all, and .*data\[5\]: a blank question is left out"):
        evaluator.publish(Path("out"), lambda done, total: None)


def test_a_killed_evaluation_continues(
    docvqa: Callable[..., Evaluator], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docvqa(public=True).publish(Path("whole"), lambda done, total: None)
    calls, generate = list[int](), PaLIModel.generate

    def killed(self: PaLIModel, *given: Any) -> Any:
        calls.append(len(given[0]))
        if sum(calls) > 2:
            raise Killed
        return generate(self, *given)

    monkeypatch.setattr(PaLIModel, "generate", killed)
    with pytest.raises(Killed):
        docvqa(public=True).publish(Path("out"), lambda done, total: None)
    assert calls == [1, 1, 1] and not Path("out").exists()
    [work] = Path().glob("out.*.unfinished")
    calls.clear()
    with pytest.raises(Killed):  # other weights: nothing is taken
        docvqa(public=True, seed=1).publish(Path("out"), lambda done, total: None)
    assert len(calls) == 3 and len([*Path().glob("out.*.unfinished")]) == 2
    calls.clear()
    monkeypatch.setattr(PaLIModel, "generate", lambda self, *given: calls.append(1) or generate(self, *given))
    docvqa(public=True).publish(Path("out"), lambda done, total: None)
    assert len(calls) == 3 and "continues after 2 of 5 answers" in capsys.readouterr().err
    for file in Path("whole").iterdir():
        assert file.read_bytes() == Path("out", file.name).read_bytes()
    assert not work.exists() and len([*Path("out").iterdir()]) == len([*Path("whole").iterdir()])
