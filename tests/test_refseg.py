"""Referring segmentation from files in RefCOCO's format to the report, at a size where the numbers mean nothing."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from pali3kit.data.task import Example
from pali3kit.data.world.source import WorldSource

ROOT = Path(__file__).parents[1]
SPLITS = ("val", "train", "train", "test")
OVERRIDES = [
    "scale=smoke", "pretrain=random", "stages.transfer.start=multimodal", "data.train=14",
    "tokenizer.vocabulary=420", "tokenizer.sentences=500", "evaluation.limit=4", "runtime.parallel_stages=1",
    *(f"stages.multimodal.mixture.{task}=0" for task in
      ("splitcap", "caption_multilingual", "ocr", "vqa", "vqg", "object_vqa", "detect")),
    "stages.multimodal.mixture.refer=1",
]  # fmt: skip


def write_sets(folder: Path) -> int:
    """Twenty-eight scenes of the world as the three sets: their things with run lengths, and what they are called.

    Returns how many expressions are validated on.
    """
    world = WorldSource(image_size=64)
    task = world.task("refer", bins=32)
    drawn = [(n, task.draw("train", n, np.random.default_rng([n, turn]))) for n in range(28) for turn in range(3)]
    examples = [(image, example) for image, example in drawn if example is not None]
    (folder / "images").mkdir()
    for number in range(28):
        Image.fromarray(world.image("train", number)).save(folder / f"images/{number}.jpg")
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 64, "width": 64} for n in range(28)]
    annotations = [annotation(number, image, example) for number, (image, example) in enumerate(examples)]
    refs = [
        {"ann_id": number, "image_id": image, "split": SPLITS[image % 4], "sentences": [{"sent": said(example)}]}
        for number, (image, example) in enumerate(examples)
    ]
    for file in ("refcoco/refs(unc).p", "refcoco+/refs(unc).p", "refcocog/refs(umd).p"):
        (folder / "refcoco" / file).parent.mkdir(parents=True)
        (folder / "refcoco" / file).write_bytes(pickle.dumps(refs, 2))
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    (folder / "refcoco/instances.json").write_text(json.dumps(content))
    return 3 * sum(ref["split"] == "val" for ref in refs)


def annotation(number: int, image: int, example: Example) -> dict[str, object]:
    assert example.box is not None and example.mask is not None
    y0, x0, y1, x1 = example.box
    runs = coco.encode(np.asfortranarray(example.mask.astype(np.uint8)))
    shape = {"size": [64, 64], "counts": runs["counts"].decode()}
    box = [x0, y0, x1 - x0, y1 - y0]
    return {"id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "bbox": box, "segmentation": shape}


def said(example: Example) -> str:
    return example.prompt.removeprefix("detect: ").removesuffix(" <extra_id_0>")


def test_from_refcocos_files_to_the_report(tmp_path: Path) -> None:
    tested = write_sets(tmp_path)
    source = "{name: refcoco, path: refcoco, images: images, instances: refcoco/instances.json, test: refcoco}"
    command = [sys.executable, "-m", "pali3kit.run", str(ROOT / "experiments/refseg.yaml"), *OVERRIDES]
    command += [f"data.source={source}", f"data.test={tested}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "runs/refseg/report.json").read_text())
    found = {(each["column"], each["name"]): each["values"] for each in report["details"]}
    for column in ("refcoco", "refcoco_plus", "refcocog"):
        assert found[f"refcoco/{column}", "oracle"]["constrained true"] > 30.0  # even a hasty tokenizer keeps the boxes
        assert found[f"refcoco/{column}", "invalid"]["constrained true"] == 0.0
    assert [column["title"] for column in report["tables"][0]["columns"]] == [
        "refcoco/refcoco", "refcoco/refcoco_plus", "refcoco/refcocog",
    ]  # fmt: skip
    assert "mask_tokenizer/instance" in done.stdout and "Failed" not in done.stdout
