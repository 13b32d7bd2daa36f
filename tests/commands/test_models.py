from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import true_files
import yaml
from PIL import Image
from random_pali import MemoryCheckpoints

from pali3kit.commands.models import _split
from pali3kit.config.experiments import shipped_experiments
from pali3kit.config.load import load
from pali3kit.config.saved import EXPERIMENT, to_yaml
from pali3kit.inference.cell import RunCell
from pali3kit.inference.checkpoints import GenerationDefaults
from pali3kit.inference.pali import PaLI
from pali3kit.inference.regions import Region
from pali3kit.run import main

MODEL, SMOKE = "model", "smoke"


class LargerImages(MemoryCheckpoints):
    """The embedded world has images of 64 pixels or more."""

    def defaults(self, name: str) -> GenerationDefaults:
        return replace(super().defaults(name), image_size=64)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> MemoryCheckpoints:
    return LargerImages(tmp_path_factory.mktemp("memory"))


@pytest.fixture
def opened(
    checkpoints: MemoryCheckpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, dict[str, Any]]]:
    """A folder whose model is random, with an image; what was opened: a place with options, or a cell of a run."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def stand_in(place: str, **options: Any) -> PaLI:
        calls.append((place, options))
        return PaLI(checkpoints)

    def of_run(cell: RunCell) -> MemoryCheckpoints:
        calls.append((cell.name, {}))
        return checkpoints

    monkeypatch.setattr("pali3kit.inference.load.load_pali", stand_in)
    monkeypatch.setattr("pali3kit.inference.run.RunCheckpoints", of_run)
    monkeypatch.chdir(tmp_path)
    Path(MODEL).mkdir()
    Path(MODEL, "recipe.yaml").write_text(to_yaml(load(shipped_experiments()["pali3"], ["scale=smoke"])))
    Image.fromarray(np.full((30, 40, 3), 99, np.uint8)).save("a.png")
    return calls


def test_ask_and_caption(opened: list[Any], checkpoints: MemoryCheckpoints, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", MODEL, "a.png", "what is it?", "pretrain=siglip", "seed=3", "--model.image_size", "64"]) == 0
    assert opened == [(MODEL, {"seed": 3, "pretrain": "siglip", "model.image_size": 64})]
    assert capsys.readouterr().out == PaLI(checkpoints).ask("a.png", "what is it?") + "\n"
    assert main(["ask", "me/pali", "a.png", "what is it?", "--checkpoint", "refcoco"]) == 0
    assert opened[-1] == ("me/pali", {"seed": None}), "a repository of the hub"
    told = capsys.readouterr()
    assert told.out == PaLI(checkpoints).ask("a.png", "what is it?", checkpoint="refcoco") + "\n"
    assert told.err == "there is no folder 'me/pali'. Looking for it on the hub.\n"
    assert main(["caption", MODEL, "a.png", "--language", "de", "--checkpoint=multimodal"]) == 0
    german = PaLI(checkpoints).caption("a.png", language="de", checkpoint="multimodal")
    assert capsys.readouterr().out == german + "\n"


def test_a_question_is_what_stands_in_its_place(
    opened: list[Any], checkpoints: MemoryCheckpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.full((30, 40, 3), 99, np.uint8)).save("n=1.png")
    assert main(["ask", "--seed=3", MODEL, "n=1.png", "seed=4", "pretrain=siglip"]) == 0
    assert opened == [(MODEL, {"seed": 3, "pretrain": "siglip"})]
    assert capsys.readouterr().out == PaLI(checkpoints).ask("n=1.png", "seed=4") + "\n"


def test_a_run_of_several_models_is_refused_before_one_is_opened(
    opened: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    written = to_yaml(load(shipped_experiments()["ablate_classif"], ["scale=smoke", "seeds=[0,1]"]))
    Path(MODEL, "experiment.yaml").write_text(written, encoding="utf-8")
    for word, told in (("seed=1", f"{MODEL} has 2 models. Choose one by pretrain: classif, siglip."),
                       ("seed=2", f"{MODEL} has no seed 2. Choose from 0, 1.")):  # fmt: skip
        assert main(["ask", MODEL, "a.png", "what is it?", word]) == 2
        assert capsys.readouterr().err == told + "\n"
    assert not opened
    assert main(["ask", MODEL, "a.png", "what is it?", "seed=1", "pretrain=siglip"]) == 0
    assert opened == [(f"{MODEL} (siglip, seed 1)", {})]


def test_segment_prints_boxes_and_writes_the_drawing(
    opened: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.zeros((30, 40), bool)
    mask[2:5, 3:8] = True
    regions = [Region("<loc>", (2, 3, 5, 8), mask), Region("<l>", (0, 0, 9, 9)), Region("a fox")]
    monkeypatch.setattr(PaLI, "segment", lambda *_, **__: regions)
    assert main(["segment", MODEL, "a.png", "the fox", "--out", "b.png"]) == 0
    told = capsys.readouterr()
    assert told.out == (
        "box 2 3 5 8 (y0 x0 y1 x1), a mask of 15 pixels: <loc>\nbox 0 0 9 9 (y0 x0 y1 x1), no mask: <l>\nwrote b.png\n"
    )
    assert told.err == "no region can be read from the answer 'a fox'\n"
    assert np.any(np.asarray(Image.open("b.png")) != 99)
    monkeypatch.setattr(PaLI, "segment", lambda *_, **__: regions[2:])
    assert main(["segment", MODEL, "a.png", "the fox", "--out", "c.png"]) == 1
    assert not Path("c.png").exists()


def test_predict_answers_a_file(
    opened: list[Any], checkpoints: MemoryCheckpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.jsonl").write_text('{"image": "a.png", "question": "how many?", "id": 1}\n{"image": 3}\n')
    words = ["predict", MODEL, "in.jsonl", "--out", "out.jsonl", "pretrain=siglip"]
    assert main(words) == 1  # a line has no answer
    first, second = (json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines())
    assert first == {
        "image": "a.png", "question": "how many?", "id": 1, "model": f"{MODEL} pretrain=siglip",
        "prediction": PaLI(checkpoints).ask("a.png", "how many?"),
    }  # fmt: skip
    assert second["error"].startswith("in.jsonl:2: a line needs one of")
    assert capsys.readouterr().err.endswith(
        "out.jsonl: 1 of 2 lines answered, 1 with an error, which the same command asks again.\n"
    )
    assert main(words) == 1 and len(opened) == 1, "nothing is left to do, so no model is opened"


def test_evaluate_measures_a_benchmark(
    opened: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", MODEL, "vqav2", "data.test=5", "evaluation.beams=1", "--out", "mine"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert told.out.startswith(
        "embedded/vqav2: 0.0 VQA accuracy, %, 95% interval 0.0 to 0.0 (bootstrap over samples), n 5"
    )
    assert told.err == "embedded/vqav2: checkpoint vqav2 of memory\n"
    conditions = json.loads(Path("mine/config.json").read_text())
    assert (conditions["checkpoint"], conditions["beams"], conditions["image_size"]) == ("vqav2", 1, 64)
    rows = [json.loads(line) for line in Path("mine/predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == json.loads(Path("mine/metrics.json").read_text())["n"] == 5
    assert opened[-1] == (MODEL, {"seed": None})
    assert sorted(map(str, Path("mine").iterdir())) == [
        "mine/config.json",
        "mine/metrics.json",
        "mine/predictions.jsonl",
    ]
    monkeypatch.setattr("pali3kit.inference.hub.download", lambda repo_id: Path(MODEL))
    assert main(["evaluate", "me/pali", "xm3600", "evaluation.limit=2", "data.test=4"]) == 0
    told = capsys.readouterr()
    assert told.err.endswith(" of memory, 2 of 4 test examples: evaluation.limit\n")
    english, others, _ = told.out.splitlines()
    assert english.startswith("embedded/xm3600.en: ") and others.startswith("embedded/xm3600.avg35: ")
    assert english.endswith(", n 2") and "CIDEr × 100" in others
    assert main([*words[:-1], "most", "runtime.max_bad_fraction=2"]) == 2
    assert "runtime.max_bad_fraction should be" in capsys.readouterr().err
    assert main(words) == 2
    assert capsys.readouterr().err == "mine exists already: choose another folder by --out.\n"


def test_evaluate_measures_a_public_set(opened: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    for split, numbers in (("train2014", range(30, 32)), ("val2014", range(36, 39))):
        asked, answers = f"v2_OpenEnded_mscoco_{split}_questions.json", f"v2_mscoco_{split}_annotations.json"
        true_files.vqa_v2(Path("sets/vqav2", asked), Path("sets/vqav2", answers), Path("sets/coco"), numbers, split)
    recipe = Path(MODEL, "recipe.yaml")  # of a model that was trained elsewhere
    made = yaml.safe_load(recipe.read_text())
    made["data"]["source"] = {"name": "records", "path": "gone.jsonl", "images": "gone"}
    recipe.write_text(yaml.safe_dump(made))
    assert main(["evaluate", MODEL, "vqav2", "--checkpoint", "refcoco"]) == 2
    assert "gone.jsonl" in capsys.readouterr().err
    assert main(["evaluate", MODEL, "vqav2", "data.root=sets", "--checkpoint", "refcoco"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("vqav2: ") and "\npredictions, metrics and conditions: runs/evaluate/vqav2\n" in told.out
    assert json.loads(Path("runs/evaluate/vqav2/config.json").read_text())["source"]["name"] == "vqa"
    assert told.err == "vqav2: checkpoint refcoco of memory\n"


def test_evaluate_needs_no_files_to_train_on(opened: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    asked, answers = "v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json"
    true_files.vqa_v2(Path("sets/vqav2", asked), Path("sets/vqav2", answers), Path("sets/coco"), range(3), "val2014")
    true_files.xm3600(Path("sets/xm3600"))
    for file in Path("sets/xm3600").glob("*.bz2"):
        file.unlink()
    for name in ("vqav2", "xm3600"):
        words = ["evaluate", MODEL, name, "data.root=sets", "--checkpoint", "multimodal"]
        assert main([*words, "evaluation.limit=2"]) == 0, capsys.readouterr().err
        assert capsys.readouterr().out.startswith(name)
    Path("sets/vqav2", answers).unlink()
    assert main(["evaluate", MODEL, "vqav2", "data.root=sets", "--out", "again"]) == 2
    told = capsys.readouterr().err
    assert "there is no 'sets/vqav2/v2_mscoco_val2014_annotations.json'" in told


def test_evaluate_finds_other_benchmarks_below_the_runs_root(
    opened: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """And of a test split whose answers are not public, it writes the submission."""
    asked = [{"question_id": 5 + n, "image_id": f"{n}", "question": f"what is {n}?"} for n in range(3)]
    for split in ("train", "val"):
        true_files.write(
            Path(f"sets/textvqa/TextVQA_0.5.1_{split}.json"), {"data": [asked[0] | {"answers": ["a"] * 10}]}
        )
    true_files.write(Path("sets/textvqa/TextVQA_0.5.1_test.json"), {"data": asked})
    for number in range(3):
        true_files.image(Path(f"sets/textvqa/train_images/{number}.jpg"), number)
    recipe = Path(MODEL, "recipe.yaml")
    made = yaml.safe_load(recipe.read_text())
    made["data"]["root"], words = "sets", ["evaluate", MODEL, "textvqa", "--checkpoint", "multimodal"]
    recipe.write_text(yaml.safe_dump(made))
    test = "data.benchmarks.textvqa.test=sets/textvqa/TextVQA_0.5.1_test.json"
    assert main([*words, test]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "textvqa: 3 answers, no score: those to this test split are not public",
        "predictions and conditions: runs/evaluate/textvqa",
        "for the server of the test split: runs/evaluate/textvqa/submission.json",
    ]
    submitted = json.loads(Path("runs/evaluate/textvqa/submission.json").read_text())
    assert [each["question_id"] for each in submitted] == [5, 6, 7]
    assert main([*words, "--out", "val"]) == 0
    assert ", n 1\npredictions, metrics and conditions: val\n" in capsys.readouterr().out
    Path("sets/textvqa/TextVQA_0.5.1_val.json").unlink()
    assert main([*words, "--out", "again"]) == 2
    assert capsys.readouterr().err.startswith(
        "model/recipe.yaml: data.root: benchmark 'textvqa' is measured on TextVQA"
    )
    Path("sets/textvqa/TextVQA_0.5.1_train.json").unlink()
    assert main([*words, test, "--out", "test"]) == 0, "neither train nor val is read"
    assert Path("test/submission.json").read_bytes() == Path("runs/evaluate/textvqa/submission.json").read_bytes()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ask", MODEL, "a.png"], "missing: QUESTION; usage: python -m pali3kit.run ask MODEL IMAGE"),
        (["ask", "a.png", MODEL, "?"], "'model' is a folder, not an image: MODEL comes first, then IMAGE.\n"),
        (["ask", SMOKE, "a.png", "?", "--language", "xx"], "smoke was not trained in the language 'xx', but in ar,"),
        (["ask", MODEL, "b.png", "?"], "there is no image 'b.png'. Did you mean 'a.png'?\n"),
        (["ask", "modl", "a.png", "?"], "no run folder, saved folder or hub id 'modl'. Did you mean 'model'?\n"),
        (["ask", "./modl", "a.png", "?"], "no run folder, saved folder or hub id './modl'. Did you mean 'model'?\n"),
        (["ask", MODEL, "a.png", "?", "seed=x"], "seed should be a number, not 'x'.\n"),
        (["ask", MODEL, "a.png", "?", "pretrain=["], "command line: pretrain=[: not valid YAML:"),
        (["ask", MODEL, "a.png", "?", "place=x"], "place=x: key=value chooses a cell of a run's grid, and 'place'"),
        (["ask", MODEL, "a.png", "?", "--checkpont"], "unknown flag '--checkpont'. Did you mean '--checkpoint'?\n"),
        (["caption", SMOKE, "a.png", "--language", "xx"], "smoke was not trained in the language 'xx', but in ar,"),
        (["segment", MODEL, "a.png", "x", "--out", "b.txt"], "--out should end with .png, .jpg, .jpeg, .webp, not"),
        (["segment", MODEL, "a.png", "x", "--out", "a.png"], "--out should be a file in a folder that exists, and not"),
        (["predict", MODEL, "a.png"], "missing: --out; usage: python -m pali3kit.run predict MODEL LINES.jsonl"),
        (["predict", MODEL, "no.jsonl", "--out", "x"], "there is no file 'no.jsonl'.\n"),
        (["predict", MODEL, "a.png", "--out", "a.png"], "--out should be a file in a folder that exists, and not"),
        (["evaluate", MODEL, "vqa2"], "unknown benchmark 'vqa2'. Did you mean 'vqav2'?\n"),
        (["evaluate", MODEL, "probe"], "'probe' does not score answers that PaLI generates, as these do: activi"),
        (["evaluate", MODEL, "vqav2", "data.tst=3"], "command line: data.tst=3: unknown key 'data.tst'. Did you mean"),
        (["evaluate", MODEL, "vqav2", "data.root=no"], "command line: data.root=no: data.root: there is no folder 'n"),
    ],
)  # fmt: skip
def test_invalid_requests_exit_2_before_a_model_is_opened(
    words: list[str], told: str, opened: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(SMOKE).mkdir()
    Path(SMOKE, "experiment.yaml").write_bytes(Path(MODEL, "recipe.yaml").read_bytes())
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(told)
    assert not opened


def test_an_axis_of_a_runs_grid_chooses_a_cell_whatever_its_name(tmp_path: Path) -> None:
    settings = ["data.ocr.words=published", "data.root=sets", "evaluation.limit=3", "pretrain=siglip"]
    (tmp_path / "empty").mkdir()
    assert _split(settings, tmp_path / "empty") == (["pretrain=siglip"], settings[:3])
    experiment = load(shipped_experiments()["pali3"], ["scale=smoke", "grid.pretrain=[siglip]"])
    axes = {**experiment.grid, "data.ocr.words": ["none", "published"]}
    (tmp_path / EXPERIMENT).write_text(to_yaml(replace(experiment, grid=axes)))
    assert _split(settings, tmp_path) == ([settings[0], settings[3]], settings[1:3])
