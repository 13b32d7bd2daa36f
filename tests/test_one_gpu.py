"""The experiments for one GPU: on tiny files in the formats of what they need, and planned at their own size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from true_files import image, instances, karpathy, refer, vqa_v2, write

import pali3kit as pk
from pali3kit.config.load import load
from pali3kit.config.vocabulary import Vocabulary
from pali3kit.plan.graph import build
from pali3kit.run import main
from pali3kit.vision.vit import ViT
from pali3kit.weights.export import export_language, export_vision
from pali3kit.weights.links import to_theirs
from pali3kit.weights.recognise import LAYOUTS

FOLDER = Path(__file__).parents[1] / "experiments" / "one_gpu"
FILES = sorted(FOLDER.glob("*.yaml"))
TRAIN, TEST = range(8), range(8, 12)
SHAPE = {"width": 32, "depth": 2, "heads": 2, "mlp": 64, "patch": 16}
SMALL = [
    "model.image_size=64", "tokenizer.bins=32", "data.train=38", "evaluation.limit=4",
    "stages.mask_tokenizer.examples=64", "stages.mask_tokenizer.batch_size=32",
    "stages.multimodal.examples=32", "stages.multimodal.batch_size=16",
    "stages.multimodal.optimizer.warmup=0", "stages.transfer.batch_size=8",
    *(f"stages.transfer.benchmarks.{name}.examples=16" for name in ("coco", "vqav2", "textvqa", "refcoco")),
    "runtime.hardware=null", "runtime.num_workers=0", "runtime.threads=1", "runtime.read_from=[]",
]  # fmt: skip


def write_textvqa(folder: Path) -> None:
    for split, numbers in (("train", TRAIN), ("val", TEST)):
        data = [
            {"question_id": n, "question": "what does the sign say?", "image_id": f"i{n}", "answers": [f"word{n}"] * 10}
            for n in numbers
        ]
        write(folder / f"TextVQA_0.5.1_{split}.json", {"data": data})
        for number in numbers:
            image(folder / f"train_images/i{number}.jpg", number)


def write_models(folder: Path, vocabulary: Path) -> None:
    """T5, SigLIP as timm has it and a classifier of vision_transformer, with random weights."""
    torch.manual_seed(0)
    rows = Vocabulary(vocabulary).rows
    export_language(pk.create_language("ul2", vocabulary=rows, size="tiny"), folder / "flan-t5-base")
    shutil.copy(vocabulary, folder / "flan-t5-base" / "spiece.model")
    export_vision(ViT(**SHAPE, image_size=64, head="map"), folder / "siglip", to="timm")
    labels = ViT(**SHAPE, image_size=64, head="token")
    arrays = to_theirs(LAYOUTS["augreg"].vision(labels, ""), labels.state_dict())
    table = "Transformer/posembed_input/pos_embedding"
    arrays[table] = torch.cat([torch.zeros(1, 1, SHAPE["width"]), arrays[table]], 1)  # the class token's
    np.savez(folder / "augreg.npz", **{name: tensor.numpy(force=True) for name, tensor in arrays.items()})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, published: Callable[[str], Path]) -> Path:
    """A working folder with `data` and `models`."""
    place = tmp_path_factory.mktemp("one_gpu")
    data = place / "data"
    karpathy(data / "coco/dataset_coco.json", data / "coco", TRAIN, TEST)
    for split, numbers in (("train2014", TRAIN), ("val2014", TEST)):
        files = (f"v2_OpenEnded_mscoco_{split}_questions.json", f"v2_mscoco_{split}_annotations.json")
        vqa_v2(data / "vqav2" / files[0], data / "vqav2" / files[1], data / "coco", numbers, split)
    write_textvqa(data / "textvqa")
    called = instances(data / "coco/annotations/instances_train2014.json", data / "coco/train2014", range(12))
    refer(data / "refer", called, TEST)
    write_models(place / "models", published("t5"))
    return place


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_control_is_the_same_encoder_without_weights(
    file: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    experiment = load(file, ["tokenizer.bins=32"])
    graph = build(experiment)
    assert len(graph.cells) == 4 and all(len(cell.columns) == 4 for cell in graph.cells)
    for cell in graph.cells:
        [vision] = {step.digest: step for step in _all(cell.columns.values()) if step.kind == "vision"}.values()
        trained = cell.point["pretrain"] == "pretrained"
        assert bool(vision.plain["vision"].get("pretrained")) == trained
    assert len({step.digest for step in graph.steps if step.kind == "vision"}) == 4
    assert len({step.digest for step in graph.steps if step.kind == "language"}) == 1


def _all(steps):
    for step in steps:
        yield step
        yield from _all(step.parents.values())


@pytest.mark.slow
def test_an_experiment_runs_on_files_of_the_true_formats(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    vision = [
        {"name": "vit", **SHAPE, "head": "map", "weights": "models/siglip"},
        {"name": "vit", **SHAPE, "head": "token", "weights": "models/augreg.npz"},
    ]
    point = {"pretrain": "pretrained", "model.vision": vision[1]}
    grid = yaml.safe_dump({"pretrain": ["random", "pretrained"], "model.vision": vision}, default_flow_style=True)
    places = [f"grid={grid.strip()}", f"baseline={json.dumps(point)}", "seeds=[0]"]
    assert main([str(FOLDER / "which_encoder.yaml"), *SMALL, *places]) == 0
    report = json.loads((place / "runs/which_encoder/report.json").read_text())
    [table] = report["tables"]
    assert len(table["rows"]) == 4 and all(len(row["cells"]) == 4 for row in table["rows"])
    made = {file.name.rpartition("-")[0] for file in (place / "runs/store").iterdir()}
    assert made >= {"vision", "language", "mask_tokenizer", "multimodal", "transfer", "evaluate"}
