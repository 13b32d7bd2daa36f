"""Tiny files in the true formats of public data sets, on scenes of the embedded world, so that there is much to say."""

from __future__ import annotations

import bz2
import io
import json
import pickle
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from pali3kit.data.task import Example
from pali3kit.data.world.source import WorldSource
from tests.data.sets.test_cifar import write_python

WORLD = WorldSource(image_size=64)
SIZE = {"height": 64, "width": 64}
REFER = ("refcoco/refs(unc).p", "refcoco+/refs(unc).p", "refcocog/refs(umd).p")


def write(file: Path, content: object) -> Path:
    """Text as it is, anything else as JSON; the folders above are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def image(file: Path, number: int) -> Path:
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
    """Captions and urls, and the images as img2dataset downloads them."""
    for row, number in enumerate(numbers):
        image(images / f"00000/{row:09}.jpg", number)
    return write(file, "".join(f"{caption(n)}\thttp://x.org/{n}/image.jpg\n" for n in numbers))


def karpathy(file: Path, images: Path, train: Sequence[int], test: Sequence[int]) -> Path:
    """`dataset_coco.json`."""
    told = []
    for split, numbers in (("train", train), ("test", test)):
        for number in numbers:
            name = f"COCO_{split}2014_{number:012}.jpg"
            image(images / f"{split}2014" / name, number)
            said = [{"raw": text, "tokens": text.split(), "imgid": number, "sentid": n}
                    for n, text in enumerate((caption(number), f"{caption(number)} again"))]  # fmt: skip
            told.append({"filepath": f"{split}2014", "filename": name, "imgid": number, "cocoid": number,
                         "split": split, "sentences": said})  # fmt: skip
    return write(file, {"dataset": "coco", "images": told})


def text_ocr(file: Path, images: Path, numbers: Sequence[int]) -> Path:
    """`TextOCR_0.1_train.json`."""
    for number in numbers:
        image(images / f"train/{number}.jpg", number)
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
        image(images / f"{split}/COCO_{split}_{number:012}.jpg", number)
        for each, example in enumerate(list(drawn("vqa", number))[:3]):
            known = {"question_id": number * 10 + each, "image_id": number}
            asked.append({**known, "question": f"question {example.prompt}"})
            answered.append({**known, "answers": [{"answer": example.target, "answer_id": n} for n in range(10)]})
    write(questions, {"data_subtype": split, "questions": asked})
    write(annotations, {"data_subtype": split, "annotations": answered})


def instances(file: Path, images: Path, numbers: Sequence[int]) -> list[tuple[int, str]]:
    """COCO's `instances.json`; returns the image of each annotation, numbered from 0, and what it is called."""
    found = [(number, example) for number in numbers for example in drawn("refer", number)]
    for number in numbers:
        image(images / f"{number}.jpg", number)
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


def translations(file: Path, numbers: Sequence[int]) -> Path:
    """`coco_mt_*.jsonl.bz2`."""
    rows = [{"image_id": f"{n}_0", "trg_lang": "de", "translation_tokenized": "Eine Katze ."} for n in numbers]
    file.write_bytes(bz2.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))
    return file


def page(file: Path) -> Path:
    """A PDF without a page, which is one all the same."""
    return write(file, "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n")


def open_images(folder: Path) -> None:
    """The table of masks, its images and masks, and the names of classes."""
    head = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
    row = "0a_m0jbk_1.png,0a,/m/0jbk,1,0.25,0.75,0.25,0.5,0.9,"
    write(folder / "train-annotations-object-segmentation.csv", f"{head}\n{row}\n")
    write(folder / "class-descriptions-boxable.csv", "/m/0jbk,Animal\n")
    image(folder / "train/0a.jpg", 0)
    image(folder / "train-masks/0a_m0jbk_1.png", 0)


def shards(folder: Path, count: int) -> None:
    """WebDataset's tars, of a pair each; one file under many names."""
    folder.mkdir()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in (("0.jpg", b"no image"), ("0.txt", b"a cat")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    (folder / "000.tar").write_bytes(data.getvalue())
    for number in range(1, count):
        (folder / f"{number:03}.tar").hardlink_to(folder / "000.tar")


def pets(folder: Path) -> None:
    for split, number in (("trainval", 1), ("test", 2)):
        write(folder / "annotations" / f"{split}.txt", f"Abyssinian_{number} 1 1 1\npug_{number} 2 2 1\n")
        for name in ("Abyssinian", "pug"):
            image(folder / "images" / f"{name}_{number}.jpg", number)


def textures(folder: Path) -> None:
    for split, number in (("train1", 1), ("test1", 2)):
        names = [f"{name}/{name}_000{number}.jpg" for name in ("banded", "zigzagged")]
        write(folder / "labels" / f"{split}.txt", "".join(f"{name}\n" for name in names))
        for name in names:
            image(folder / "images" / name, number)


def classes(folder: Path, names: Sequence[str], called: str = "{name}_{number}.JPEG", each: int = 1) -> None:
    """A folder for each class, with so many images, all the same."""
    file = image(folder / "image", 0)
    for number in range(each * len(names)):
        name = names[number // each]
        (folder / name).mkdir(exist_ok=True)
        (folder / name / called.format(name=name, number=number + 1)).hardlink_to(file)
    file.unlink()


def imagenet(folder: Path) -> None:
    """ImageNet of two classes of a thousand, ReaL's labels, and v2."""
    wnids = ("n01440764", "n01443537")
    classes(folder / "imagenet/train", wnids, each=10)
    classes(folder / "imagenet/val", wnids, "ILSVRC2012_val_{number:08}.JPEG")
    write(folder / "real.json", [[0], [1]])
    classes(folder / "imagenetv2-matched-frequency-format-val", tuple(map(str, range(1000))))


def xm3600(folder: Path) -> None:
    rows = [{"image/key": key, "image/locale": "en", "en": {"caption": [f"a {key}"]}} for key in ("cat", "dog")]
    write(folder / "captions.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    for number, row in enumerate(rows):
        image(folder / f"images/{row['image/key']}.jpg", number)


def mirrors(root: Path) -> None:
    """Parquet tables with the columns of the hub's mirrors, as docs/data.md names them."""
    from pyarrow import parquet, table

    image(root / "image.png", 0)
    shown = {"bytes": (root / "image.png").read_bytes(), "path": "image.png"}
    texts = {"question": "what is it?", "answers": ["a fox", "fox"]}
    rows: dict[str, dict[str, Any]] = {
        "DocVQA/DocVQA/validation": {**texts, "questionId": "57"},
        "DocVQA/InfographicVQA/validation": {**texts, "questionId": "98313"},
        "textvqa/train": {**texts, "question_id": 34602},
        "textvqa/validation": {**texts, "question_id": 34603},
        "VQAv2/validation": {**texts, "answers": [{"answer": "fox", "answer_id": 1}], "question_id": 262148000},
        "OK-VQA/val2014": {**texts, "question_id": "2971475"},
        "ST-VQA/test": {**texts, "question_id": 3},
        "ChartQA/test": {"question": "how many?", "answer": "3", "type": "human_test"},
        "ai2d/test": {"question": "what eats?", "options": ["fox", "grass"], "answer": "0"},
        "OCR-VQA/train": {"questions": ["Who?", "What?"], "answers": ["A. Bee", "My Life"]},
        "OCR-VQA/test": {"questions": ["Who?", "What?"], "answers": ["A. Bee", "My Life"]},
        "tallyqa-test/test": {"qa": [{"question": "how many?", "answer": "3", "is_simple": True}]},
        "TextCaps/train": {"image_id": "0a1b", "caption_str": ["A sign.", "A stop sign."]},
        "TextCaps/val": {"image_id": "0a1b", "caption_str": ["A sign.", "A stop sign."]},
        "COCO-Caption/val": {"question_id": "COCO_val2014_000000000009.jpg", "answer": ["A fox.", "A red fox."]},
        "RICO-Screen2Words/train": {"screenId": 54137, "captions": ["a map", "map of a town"]},
        "RICO-Screen2Words/test": {"screenId": 54138, "captions": ["a map", "map of a town"]},
    }
    for name, row in rows.items():
        file = root / f"{name}-00000-of-00001.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table({key: [cell] * 2 for key, cell in {"image": shown, **row}.items()}), file)


def documented(root: Path) -> None:
    """Everything that the YAML of the documents names, but a folder of Flan-T5's."""
    conceptual_captions(root / "cc3m/train.tsv", root / "cc3m/images", range(2))
    conceptual_captions(root / "cc12m.tsv", root / "cc12m", range(2))
    karpathy(root / "dataset_coco.json", root / "coco", range(2), range(2, 4))
    translations(root / "coco_mt_train.jsonl.bz2", range(2))
    text_ocr(root / "TextOCR_0.1_train.json", root / "openimages", range(2))
    vqa_v2(root / "v2_questions.json", root / "v2_annotations.json", root / "coco", range(2))
    page(root / "papers/a.pdf")
    mirrors(root / "hub")
    box = {"bbox": [1, 1, 2, 2], "mask": [[1, 1, 3, 1, 3, 3, 1, 3]], "expressions": ["the cat"], "label": "cat"}
    own = {"image": "1.png", "caption": "a cat", "height": 8, "width": 8, "words": ["open"], "things": [box]}
    own["questions"] = [{"question": "who?", "answers": ["a cat"]}]
    write(root / "own.jsonl", "\n".join(map(json.dumps, [own] * 8 + [{**own, "split": "test"}] * 2)))
    refer(root / "refer/data", instances(root / "instances_train2014.json", root / "train2014", range(3)), range(1))
    open_images(root)
    shards(root / "webdata", 1000)
    write_python(root / "data/cifar-100-python")
    for folder in ("data/oxford-iiit-pet", "data/pets"):
        pets(root / folder)
    textures(root / "data/dtd")
    for split in ("train", "test"):
        classes(root / "data/mine" / split, ("cat", "dog"))
    imagenet(root / "data")
    xm3600(root / "data/xm3600")
    karpathy(root / "sets/coco/dataset_coco.json", root / "sets/coco", range(2), range(2, 4))
    for split in ("train", "val"):
        asked = [{"question_id": 1, "image_id": "0a", "question": "what?", "answers": ["open"] * 10}]
        write(root / f"sets/textvqa/TextVQA_0.5.1_{split}.json", {"data": asked})
    (root / "path/to").mkdir(parents=True)
    for weights in ("vae-oid.npz", "path/to/vae-oid.npz", "siglip_b16.npz", "siglip_l16.npz"):
        np.savez(root / weights, table=np.zeros(3, np.float32))
