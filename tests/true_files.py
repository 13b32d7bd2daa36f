"""Tiny files in the true formats of public data sets, on scenes of the embedded world, so that there is much to say."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from pali3kit.data.task import Example
from pali3kit.data.world.source import WorldSource

WORLD = WorldSource(image_size=64)
SIZE = {"height": 64, "width": 64}
REFER = ("refcoco/refs(unc).p", "refcoco+/refs(unc).p", "refcocog/refs(umd).p")


def write(file: Path, content: object) -> Path:
    """Text as it is, anything else as JSON; the folders above are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def picture(file: Path, number: int) -> Path:
    """A scene of the world."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(WORLD.image("train", number)).save(file, "png")
    return file


def drawn(task: str, number: int) -> Iterable[Example]:
    """What a task of the world finds in a scene, in a few draws."""
    found = (
        WORLD.task(task, bins=32).draw("train", number, np.random.default_rng([number, turn])) for turn in range(9)
    )
    return [example for example in found if example is not None]


def caption(number: int) -> str:
    return next(iter(drawn("caption", number))).target


def conceptual_captions(file: Path, images: Path, numbers: Sequence[int]) -> Path:
    """Captions and urls, and the pictures as img2dataset downloads them."""
    for row, number in enumerate(numbers):
        picture(images / f"00000/{row:09}.jpg", number)
    return write(file, "".join(f"{caption(n)}\thttp://x.org/{n}/image.jpg\n" for n in numbers))


def karpathy(file: Path, images: Path, train: Sequence[int], test: Sequence[int]) -> Path:
    """`dataset_coco.json`."""
    told = []
    for split, numbers in (("train", train), ("test", test)):
        for number in numbers:
            name = f"COCO_{split}2014_{number:012}.jpg"
            picture(images / f"{split}2014" / name, number)
            said = [{"raw": text, "tokens": text.split(), "imgid": number, "sentid": n}
                    for n, text in enumerate((caption(number), f"{caption(number)} again"))]  # fmt: skip
            told.append({"filepath": f"{split}2014", "filename": name, "imgid": number, "cocoid": number,
                         "split": split, "sentences": said})  # fmt: skip
    return write(file, {"dataset": "coco", "images": told})


def text_ocr(file: Path, images: Path, numbers: Sequence[int]) -> Path:
    """`TextOCR_0.1_train.json`."""
    for number in numbers:
        picture(images / f"train/{number}.jpg", number)
    imgs = {str(n): {"id": str(n), "file_name": f"train/{n}.jpg", "set": "train", **SIZE} for n in numbers}
    anns = {
        f"{n}_1": {"id": f"{n}_1", "image_id": str(n), "bbox": [4.5, 8, 30, 9], "utf8_string": f"word{n}", "points": []}
        for n in numbers
    }
    return write(file, {"info": {}, "imgs": imgs, "anns": anns, "imgToAnns": {}})


def vqa_v2(questions: Path, annotations: Path, images: Path, numbers: Sequence[int], split: str = "train2014") -> None:
    """Questions with ten answers each."""
    asked, answered = [], []
    for number in numbers:
        picture(images / f"{split}/COCO_{split}_{number:012}.jpg", number)
        for each, example in enumerate(list(drawn("vqa", number))[:3]):
            known = {"question_id": number * 10 + each, "image_id": number}
            asked.append({**known, "question": f"question {example.prompt}"})
            answered.append({**known, "answers": [{"answer": example.target, "answer_id": n} for n in range(10)]})
    write(questions, {"data_subtype": split, "questions": asked})
    write(annotations, {"data_subtype": split, "annotations": answered})


def instances(file: Path, images: Path, numbers: Sequence[int]) -> list[tuple[int, str]]:
    """COCO's `instances.json`; returns the picture of each annotation, which are numbered from 0, and what it is called."""
    found = [(number, example) for number in numbers for example in drawn("refer", number)]
    for number in numbers:
        picture(images / f"{number}.jpg", number)
    told = {
        "images": [{"id": n, "file_name": f"{n}.jpg", **SIZE} for n in numbers],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [annotation(each, number, example) for each, (number, example) in enumerate(found)],
    }
    write(file, told)
    return [(n, e.prompt.removeprefix("detect: ").removesuffix(" <extra_id_0>")) for n, e in found]


def annotation(each: int, number: int, example: Example) -> dict[str, Any]:
    assert example.box is not None and example.mask is not None
    y0, x0, y1, x1 = example.box
    runs = coco.encode(np.asfortranarray(example.mask.astype(np.uint8)))
    shape = {"size": [64, 64], "counts": runs["counts"].decode()}
    box = [x0, y0, x1 - x0, y1 - y0]
    return {"id": each, "image_id": number, "category_id": 1, "iscrowd": 0, "bbox": box, "segmentation": shape}


def refer(folder: Path, called: Sequence[tuple[int, str]], val: Sequence[int]) -> int:
    """The REFER package's three sets, over the annotations of `instances`; how many expressions are validated on."""
    refs = [
        {"ref_id": each, "ann_id": each, "image_id": number, "category_id": 1, "sent_ids": [each],
         "split": "val" if number in val else "train", "sentences": [{"sent_id": each, "sent": text, "raw": text}]}
        for each, (number, text) in enumerate(called)
    ]  # fmt: skip
    for file in REFER:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(pickle.dumps(refs, 2))
    return len(REFER) * sum(ref["split"] == "val" for ref in refs)
