"""Stage 1 and a transfer on pictures in files: a union of captions and words, with a broken picture and poor texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pali3kit.ablation.node import Node
from pali3kit.registry import STAGE
from pali3kit.training.context import StageContext
from pali3kit.training.frozen import FrozenTokens

BROKEN = 5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Twelve captions, every fourth of which is a file's name, and four pictures with words."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(16):
        Image.new("RGB", (30 + number, 20), (number,) * 3).save(folder / f"{number}.png")
    (folder / f"{BROKEN}.png").write_bytes(b"no picture")
    texts = [f"IMG_{number}00" if number % 4 == 0 else f"a grey picture, number {number}" for number in range(12)]
    rows = [f"{text}\t{number}.png" for number, text in enumerate(texts)]
    (folder / "captions.tsv").write_text("\n".join(rows))
    imgs = {str(n): {"file_name": f"{n}.png", "width": 30 + n, "height": 20} for n in range(12, 16)}
    anns = {str(n): {"image_id": str(n), "bbox": [1, 1, 2, 2], "utf8_string": f"word{n}"} for n in range(12, 16)}
    (folder / "ocr.json").write_text(json.dumps({"imgs": imgs, "anns": anns}))
    captions = {"name": "tsv", "path": str(folder / "captions.tsv"), "images": str(folder), "filter": True}
    words = {"name": "ocr", "path": str(folder / "ocr.json"), "images": str(folder), "test": str(folder / "ocr.json")}
    return {"name": "union", "parts": {"captions": captions, "words": words}}


def make(chain: Any, node: Node, folder: Path, parents: dict[str, Path], **config: Any) -> Path:
    folder.mkdir()
    context = StageContext(folder, parents, node.seed, lambda done, total, **numbers: None, threads=1)
    STAGE.get(node.kind)({**node.config, **config}, context)
    return folder


def test_a_union_of_files_is_trained_on(chain: Any, source: dict[str, Any], tmp_path: Path) -> None:
    node = chain.node("features", split="train")
    vision = {"vision": chain.make(node.parents["vision"])}
    features = make(chain, node, tmp_path / "features", vision, source=source, count=16)
    tokens = FrozenTokens(features, "train")
    assert len(tokens) == 16 and len(tokens.bad) == 1
    assert f"{BROKEN + 1}: not a picture" in (features / "skipped.txt").read_text()

    stage = chain.node("multimodal")
    parents = {role: chain.make(parent) for role, parent in stage.parents.items()} | {"features": features}
    training = dict(stage.config["training"]) | {"mixture": {"splitcap": 3.0, "words.ocr": 1.0, "vqa": 0.0}}
    training["temperature"] = 2.0
    model = make(chain, stage, tmp_path / "model", parents, source=source, training=training)
    told = json.loads((model / "filtered.json").read_text())["captions"]
    assert (model / "weights.safetensors").exists()
    assert set(told["dropped"]) == {"file name"} and told["seen"] > told["kept"] > 0
    assert set(told["dropped"]["file name"]["examples"]) <= {"IMG_000", "IMG_400", "IMG_800"}


def test_two_trainings_end_with_the_same_weights(chain: Any, source: dict[str, Any], tmp_path: Path) -> None:
    """Tasks on files draw from the mixture's stream alone."""
    node = chain.node("features", split="train")
    vision = {"vision": chain.make(node.parents["vision"])}
    features = make(chain, node, tmp_path / "features", vision, source=source, count=16)
    stage = chain.node("multimodal")
    parents = {role: chain.make(parent) for role, parent in stage.parents.items()} | {"features": features}
    training = dict(stage.config["training"]) | {"mixture": {"splitcap": 1.0, "ocr": 1.0}}
    made = [
        make(chain, stage, tmp_path / name, parents, source=source, training=training) / "weights.safetensors"
        for name in "ab"
    ]
    assert made[0].read_bytes() == made[1].read_bytes()


def test_pictures_of_any_size_are_fitted(chain: Any, source: dict[str, Any], tmp_path: Path) -> None:
    node = chain.node("features", split="test")
    vision = {"vision": chain.make(node.parents["vision"])}
    features = make(chain, node, tmp_path / "features", vision, source=source, count=4)
    tokens = np.load(features / "test.npy")
    assert len(tokens) == 4 and np.isfinite(tokens).all() and not (features / "test-bad.npy").exists()
