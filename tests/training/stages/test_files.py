"""Stage 1 and a transfer on images in files: a union of captions and words, with a broken image and poor texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.plan.kinds.resolution import Config
from pali3kit.plan.step import Step
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.frozen import FrozenTokens
from tests.training.stages.conftest import altered, run

BROKEN = 5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Twelve captions, every fourth of which is a file's name, and four images with words."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(16):
        Image.new("RGB", (30 + number, 20), (number,) * 3).save(folder / f"{number}.png")
    (folder / f"{BROKEN}.png").write_bytes(b"no image")
    texts = [f"IMG_{number}00" if number % 4 == 0 else f"a grey image, number {number}" for number in range(12)]
    rows = [f"{text}\t{number}.png" for number, text in enumerate(texts)]
    (folder / "captions.tsv").write_text("\n".join(rows))
    imgs = {str(n): {"file_name": f"{n}.png", "width": 30 + n, "height": 20} for n in range(12, 16)}
    anns = {str(n): {"image_id": str(n), "bbox": [1, 1, 2, 2], "utf8_string": f"word{n}"} for n in range(12, 16)}
    (folder / "ocr.json").write_text(json.dumps({"imgs": imgs, "anns": anns}))
    captions = {"name": "tsv", "path": str(folder / "captions.tsv"), "images": str(folder), "filter": True}
    words = {"name": "ocr", "path": str(folder / "ocr.json"), "images": str(folder), "test": str(folder / "ocr.json")}
    return {"name": "union", "parts": {"captions": captions, "words": words}}


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Captions of eight images, one of which is no image, which are the test images too."""
    folder = tmp_path_factory.mktemp("captioned")
    for number in range(8):
        Image.new("RGB", (30 + number, 20), (number * 20,) * 3).save(folder / f"{number}.png")
    (folder / f"{BROKEN}.png").write_bytes(b"no image")
    (folder / "captions.tsv").write_text("\n".join(f"a grey image, number {n}\t{n}.png" for n in range(8)))
    path = str(folder / "captions.tsv")
    return {"name": "tsv", "path": path, "images": str(folder), "test": path}


def uncached(chain: Any, step: Step, source: dict[str, Any], **parents: Path) -> tuple[dict[str, Path], dict[str, Any]]:
    """Parents and config of a stage that sees images, and captions them."""
    made = {role: chain.make(parent) for role, parent in step.parents.items() if role != "features"}
    vision = {"vision": chain.make(chain.step("vision", pretrain="random"))}
    config: dict[str, Any] = {"source": source, "count": 8}
    if step.kind == "multimodal":
        config["training"] = {"mixture": {"splitcap": 1.0}}
    return vision | made | parents, config


def make(step: Step, folder: Path, parents: dict[str, Path], max_bad_fraction: float = 0.05, **config: Any) -> Path:
    folder.mkdir()
    execution = Execution(max_bad_fraction=max_bad_fraction)
    context = StageContext(folder, parents, step.seed, lambda done, total, **numbers: None, 1, execution)
    run(altered(step, **config), context)
    return folder


def test_a_union_of_files_is_trained_on(chain: Any, source: dict[str, Any], tmp_path: Path) -> None:
    step = chain.step("features", split="train")
    vision = {"vision": chain.make(step.parents["vision"])}
    features = make(step, tmp_path / "features", vision, source=source, count=16)
    tokens = FrozenTokens(features, "train")
    assert len(tokens) == 16 and len(tokens.bad) == 1
    assert f"{BROKEN + 1}: not an image" in (features / "skipped.txt").read_text()

    stage = chain.step("multimodal")
    parents = {role: chain.make(parent) for role, parent in stage.parents.items()} | {"features": features}
    training = {"mixture": {"splitcap": 3.0, "words.ocr": 1.0, "vqa": 0.0}, "temperature": 2.0, "examples": 96}
    model = make(stage, tmp_path / "model", parents, source=source, training=training)
    told = json.loads((model / "filtered.json").read_text())["captions"]
    assert (model / "weights.safetensors").exists()
    assert set(told["dropped"]) == {"file name"} and told["seen"] > told["kept"] > 0
    assert set(told["dropped"]["file name"]["examples"]) <= {"IMG_000", "IMG_400", "IMG_800"}


def test_two_trainings_end_with_the_same_weights(chain: Any, source: dict[str, Any], tmp_path: Path) -> None:
    """Tasks on files draw from the mixture's stream alone."""
    step = chain.step("features", split="train")
    vision = {"vision": chain.make(step.parents["vision"])}
    features = make(step, tmp_path / "features", vision, source=source, count=16)
    stage = chain.step("multimodal")
    parents = {role: chain.make(parent) for role, parent in stage.parents.items()} | {"features": features}
    training = {"mixture": {"splitcap": 1.0, "ocr": 1.0}}
    made = [
        make(stage, tmp_path / name, parents, source=source, training=training) / "weights.safetensors" for name in "ab"
    ]
    assert made[0].read_bytes() == made[1].read_bytes()


def test_images_of_any_size_are_fitted(chain: Any, source: dict[str, Any], tmp_path: Path) -> None:
    step = chain.step("features", split="test")
    vision = {"vision": chain.make(step.parents["vision"])}
    features = make(step, tmp_path / "features", vision, source=source, count=4)
    tokens = np.load(features / "test.npy")
    assert len(tokens) == 4 and np.isfinite(tokens).all() and not (features / "test-bad.npy").exists()


def test_where_no_tokens_are_kept_bad_images_are_passed_over_too(
    chain: Any, captioned: dict[str, Any], tmp_path: Path
) -> None:
    """Stage 1, stage 2 and a transfer list it; in the evaluation it is left out, with its answer."""
    stage = chain.step("multimodal")
    parents, config = uncached(chain, stage, captioned)
    model = make(stage, tmp_path / "model", parents, **config)
    assert (model / "skipped.txt").read_text().splitlines() == [told(model)]
    texts = {key: stage.plain[key] for key in ("bins", "prompt_length", "target_length")}
    fields = {**texts, "source": captioned, "image_size": 96, "count": 8}
    larger = Step("resolution", "resolution/96", Config(**fields, training=stage.config.training))
    vision = parents["vision"]
    step = make(larger, tmp_path / "step", parents | {"model": model, "vision": vision}, **config)
    assert "not an image" in told(step) and (step / "vision.safetensors").exists()
    tuned = chain.step("transfer", task="caption")
    parents, config = uncached(chain, tuned, captioned, model=step, vision=step)
    transfer = make(tuned, tmp_path / "transfer", parents, **config)
    assert told(transfer) == told(step) == told(model)

    evaluation = chain.step("evaluate", benchmark="coco", after="transfer")
    parents, config = uncached(chain, evaluation, captioned, model=transfer, vision=step)
    folder = make(evaluation, tmp_path / "evaluate", parents, source=captioned, test=8, limit=8)
    rows = [json.loads(line)["image"] for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert rows == [n for n in range(8) if n != BROKEN]
    assert json.loads((folder / "metrics.json").read_text())["n"] == 7
    assert told(folder) == told(model)


def told(folder: Path) -> str:
    """The one line of what was skipped."""
    [line] = (folder / "skipped.txt").read_text().splitlines()
    assert f"captions.tsv:{BROKEN + 1}: not an image" in line
    return line


@pytest.mark.parametrize(("kind", "message"), [("multimodal", "bad samples beside"), ("evaluate", "cannot be used")])
def test_too_many_bad_images_stop_a_stage(
    chain: Any, captioned: dict[str, Any], tmp_path: Path, kind: str, message: str
) -> None:
    step = chain.step(kind) if kind == "multimodal" else chain.step(kind, benchmark="coco", after="multimodal")
    parents, config = uncached(chain, step, captioned)
    more = {"test": 8, "limit": 8} if kind == "evaluate" else {}
    with pytest.raises(DataError, match=f"{message}.*max_bad_fraction 0 allows; the first: .*not an image"):
        make(step, tmp_path / kind, parents, max_bad_fraction=0.0, **config, **more)
    assert told(tmp_path / kind)
