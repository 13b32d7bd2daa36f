from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from pali3kit.config.experiments import shipped_experiments
from pali3kit.run import main


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_experiment_is_checked_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "ablate_classif", "scale=smoke"]) == 0
    assert capsys.readouterr().out.startswith("ablate_classif: nothing wrong. 2 cells, 1 seed, 9 benchmarks.\n")


def test_a_file_of_ones_own_without_a_test_example_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Its tasks are known by the training lines; a run would refuse it, and what is checked runs."""
    Image.new("RGB", (8, 8)).save("a.png")
    question = {"image": "a.png", "questions": [{"question": "what?", "answers": ["a"]}]}
    lines = [question, *[{"image": "a.png", "split": "test", "caption": "a"}] * 2]
    Path("own.jsonl").write_text("\n".join(map(json.dumps, lines)))
    source = "data.source={name: records, path: own.jsonl, test_split: test}"
    asked = ["check", "ablate_classif", "scale=smoke", "grid={}", "baseline={}", "pretrain=random", source]
    asked += ["stages.multimodal.mixture={vqa: 1, splitcap: 0, caption_multilingual: 0, ocr: 0, vqg: 0, object_vqa: 0,"]
    asked[-1] += " detect: 0}"
    assert main([*asked, "data.train=1", "data.test=2", "evaluate=[vqav2]"]) == 2
    assert capsys.readouterr().err == (
        "command line: evaluate=[vqav2]: own.jsonl: 'vqav2' needs at least 1 test example; found none. `pali3kit "
        "check-data own.jsonl` tells what is missing. Or leave 'vqav2' out of evaluate.\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ablate_clasif"], "'ablate_clasif' is neither a file, a command nor a shipped experiment. Did you mean"),
        (["check", "ablate_clasif"], "no shipped experiment 'ablate_clasif'. Did you mean 'ablate_classif'?"),
        (["copy", "siglip_b16"], "unknown experiment 'siglip_b16'. Did you mean 'public/siglip_b16'?"),
        (["list", "experiment"], "unknown kind 'experiment'. Did you mean 'experiments'?"),
    ],
)
def test_a_misspelt_name(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_a_copy_has_its_scales_and_is_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy", "pali3", "mine"]) == 0
    told = capsys.readouterr().out
    assert "wrote mine/scales/smoke.yaml\n" in told and told.endswith("run it: pali3kit run mine/pali3.yaml\n")
    assert Path("mine/pali3.yaml").read_bytes() == shipped_experiments()["pali3"].read_bytes()
    assert main(["check", "mine/pali3", "scale=smoke"]) == 0
    Path("mine/scales/smoke.yaml").write_text("mine")
    capsys.readouterr()
    assert main(["copy", "refseg.yaml", "mine"]) == 0
    told = capsys.readouterr().out
    assert "kept mine/scales/smoke.yaml, which differs\n" in told and "kept mine/scales/quick.yaml, the same\n" in told
    assert Path("mine/scales/smoke.yaml").read_text() == "mine"
    Path("mine/pali3.yaml").write_text("mine")
    assert main(["copy", "pali3", "mine"]) == 2
    assert capsys.readouterr().err.startswith("mine/pali3.yaml exists already: copy into another folder")
    assert Path("mine/pali3.yaml").read_text() == "mine"


def test_one_of_a_subfolder_is_copied_with_its_own_scales() -> None:
    assert main(["copy", "public/siglip_b16"]) == 0
    assert sorted(map(str, Path().rglob("*.yaml"))) == ["scales/public.yaml", "siglip_b16.yaml"]
