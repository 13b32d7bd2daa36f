"""A small finished run, made once in this process, with the real stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.config.saved import to_yaml
from pali3kit.execution.make import make_stage
from pali3kit.execution.store import Store
from pali3kit.inference.pali import PaLI
from pali3kit.inference.run import RunCheckpoints
from pali3kit.plan.graph import build
from pali3kit.training.context import Execution

ROOT = Path(__file__).parents[2]
OVERRIDES = [
    "scale=smoke", "data.train=32", "data.test=8", "evaluation.limit=6", "evaluation.beams=2",
    "stages.vision.examples=32", "stages.mask_tokenizer.examples=64", "stages.language.examples=32",
    "stages.multimodal.examples=32", "stages.transfer.examples=32", "tokenizer.sentences=1500",
    "tokenizer.vocabulary=1200", "stages.resolution.steps=[]", "stages.transfer.start=multimodal",
    "evaluation.after=[multimodal,transfer]", "evaluation.constrained=true",
    "evaluate=[coco,vqav2,okvqa,refcoco,refcoco_plus]",
]  # fmt: skip


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run, beside its store."""
    root = tmp_path_factory.mktemp("finished")
    experiment = load(str(ROOT / "experiments/pali3.yaml"), [*OVERRIDES, f"runtime.store={root}/store"])
    store = Store.of(experiment.runtime)
    for step in build(experiment).steps:
        make_stage(step, store, 1, Execution(), lambda message: None)
    folder = root / "pali3"
    folder.mkdir()
    (folder / "experiment.yaml").write_text(to_yaml(experiment), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def checkpoints(run_folder: Path) -> RunCheckpoints:
    return RunCheckpoints(run_folder)


@pytest.fixture(scope="session")
def pali(checkpoints: RunCheckpoints) -> PaLI:
    return PaLI(checkpoints, "cpu")
