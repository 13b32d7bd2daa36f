"""The shipped experiments on public two-tower models, and a whole model from end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from pali3kit.config.load import load
from pali3kit.errors import ConfigError
from pali3kit.run import main

FOLDER = Path(__file__).parents[1] / "experiments" / "public"
FILES = sorted(FOLDER.glob("*.yaml"))
DATA = ("imagenet/real.json", "imagenetv2-matched-frequency-format-val/0", "coco/dataset_coco.json")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the experiments look for their data: something of the right names."""
    monkeypatch.chdir(tmp_path)
    for name in DATA:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    return tmp_path


def test_the_four_models_are_there() -> None:
    assert {file.stem for file in FILES} == {"siglip_b16", "siglip_l16", "siglip_so400m", "siglip2_gopt"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_they_check_clean_where_the_data_is(file: Path, disk: Path) -> None:
    experiment = load(file)
    assert experiment.model.dual_encoder is not None and experiment.evaluate == ["zero_shot", "retrieval"]
    for name, expected in experiment.published.items():
        assert name.partition(".")[0] in experiment.evaluate
        assert 20 < expected.value < 100 and 0 < expected.tolerance <= 1 and expected.source


def test_without_data_every_missing_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        load(FILES[0])
    texts = [getattr(problem, "text", "") for problem in error.value.problems]
    assert len(texts) == 5 and all(text.startswith("there is no") for text in texts)


def test_a_whole_model_is_measured_and_told_to_pass_or_not(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        for number in range(3):
            file = disk / "mine" / "test" / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(file)
    torch.save(open_clip.create_model("ViT-S-32-alt").state_dict(), disk / "random.pt")
    shutil.copytree(FOLDER, disk / "public")
    (disk / "public" / "mine.yaml").write_text(
        "name: mine\nscale: public\npretrain: pretrained\n"
        "model: {image_size: 64, dual_encoder: {name: open_clip/ViT-S-32-alt, pretrained: random.pt}}\n"
        "evaluate: [zero_shot, retrieval]\n"
        "evaluation:\n  labelled: {name: folders, path: mine}\n"
        "  captioned: {name: world_captions, test: 2}\n  prompts: photo\n"
        "published:\n"
        "  zero_shot.top1: {value: 50, tolerance: 50, source: chance}\n"
        "  retrieval.i2t: {value: 101, tolerance: 0.5, source: nobody}\n"
    )
    assert main(["public/mine.yaml", "runtime.parallel_stages=1"]) == 0
    shown = capsys.readouterr().out
    report = json.loads((disk / "runs" / "mine" / "report.json").read_text())
    [row] = report["tables"][0]["rows"]
    assert set(row["cells"]) == {
        "zero_shot.top1",
        "embedded/retrieval.i2t",
        "embedded/retrieval.t2i",
    }  # no v2 and no new labels
    assert row["cells"]["zero_shot.top1"]["reached"] == "pass"
    assert row["cells"]["embedded/retrieval.i2t"]["reached"] == "gap"
    assert row["cells"]["embedded/retrieval.t2i"]["expected"] is None
    assert [stage["kind"] for stage in report["stages"]] == ["embed", "zero_shot", "embed", "retrieval"]
    told = " ".join(shown.split())
    assert "embedded/xm3600 (image to text): NOT within 0.5 of 101 (nobody): gap." in told
    assert "folders top1 (zero-shot): within 50 of 50 (chance): pass." in told
