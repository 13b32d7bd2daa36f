"""Small valid files of every format of sources and sets, and functions that read them completely."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import os
import pickle
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.folder import FolderSource
from pali3kit.data.jsonl import JsonlSource
from pali3kit.data.lines import LineSource
from pali3kit.data.pairs import PairSource
from pali3kit.data.readers import (
    coco_captions,
    coco_instances,
    ocr,
    open_images,
    parquet,
    records,
    refcoco,
    tsv,
    vqa,
)
from pali3kit.data.records import RecordSource
from pali3kit.data.sets.birds import Birds
from pali3kit.data.sets.cars import Cars
from pali3kit.data.sets.cifar import Cifar100
from pali3kit.data.sets.dtd import Dtd
from pali3kit.data.sets.files import CaptionedFiles, LabelledFiles
from pali3kit.data.sets.imagenet import ImageNet
from pali3kit.data.sets.karpathy import CocoKarpathy
from pali3kit.data.sets.pets import Pets
from pali3kit.data.sets.xm3600 import Xm3600
from pali3kit.data.text import TextSource
from pali3kit.errors import DataError, RegistryError
from pali3kit.text.plain import read_sentences

TASKS = ("caption", "caption_multilingual", "splitcap", "span_corruption", "ocr", "vqa", "vqg", "object_vqa", "detect",
         "instance", "refer")  # fmt: skip
MOST = 8  # records of a split that are used
WORD = "000a1249af2bc5f0"


@dataclass(frozen=True)
class Format:
    """`write` creates a folder of valid files and returns those to damage; `use` opens and reads the folder."""

    write: Callable[[Path], Iterable[Path]]
    use: Callable[[Path], object]


def use(opened: object) -> int:
    """Read everything from an open source or set. Returns how many records raised DataError."""
    if isinstance(opened, RecordSource | LineSource):
        return sum(_source(opened))
    if isinstance(opened, LabelledFiles | CaptionedFiles | Cifar100):
        return sum(
            _refused(lambda split=split: opened.image(split, 0)) for split in ("train", "test") if opened.size(split)
        )  # type: ignore[misc]
    assert isinstance(opened, list)
    return 0


def _source(source: RecordSource | LineSource) -> Iterable[int]:
    yield _refused(lambda: list(source.sentences(0, 1000, 20)))
    yield _refused(lambda: list(source.held_out(1000, 20)))
    if isinstance(source, RecordSource):
        for split in ("train", "test"):
            for index in range(min(source.size(split), MOST)):
                yield from map(_refused, _asks(source, split, index))


def _asks(source: RecordSource, split: str, index: int) -> Iterable[Callable[[], object]]:
    rng = np.random.default_rng(index)
    yield partial(source.image, split, index)
    yield partial(source.alt_text, split, index, rng)
    yield partial(source.labels, split, index)
    if isinstance(source, AnnotatedSource):
        for task in TASKS:
            yield partial(_draw, source, task, split, index, rng)


def _draw(source: RecordSource, task: str, split: str, index: int, rng: np.random.Generator) -> None:
    source.task(task, 1000).draw(split, index, rng)


def _refused(ask: Callable[[], object]) -> int:
    try:
        ask()
    except (DataError, RegistryError):
        return 1
    return 0


def save_image(path: Path, shade: int = 9) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (shade,) * 3).save(path, "png")


def _bytes() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6)).save(file, "png")
    return file.getvalue()


def _write(folder: Path, files: dict[str, bytes | str], images: Iterable[str] = ("1.jpg", "2.jpg")) -> list[Path]:
    for name in images:
        save_image(folder / "images" / name)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return [folder / name for name in files]


def _tar(folder: Path) -> list[Path]:
    def fill(path: Path, format: int, members: dict[str, bytes]) -> Path:
        with tarfile.open(path, "w", format=format) as tar:
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            link = tarfile.TarInfo("3.png")
            link.type, link.linkname = tarfile.LNKTYPE, next(iter(members))
            tar.addfile(link)
            tar.addfile(tarfile.TarInfo("3.txt"))
        return path

    long = "n" * 120
    told = json.dumps({"caption": ["a cat", "a mat"]}).encode()
    return [
        fill(folder / "a.tar", tarfile.PAX_FORMAT, {f"{long}.png": _bytes(), f"{long}.json": told}),
        fill(
            folder / "b.tar",
            tarfile.GNU_FORMAT,
            {f"{long}.png": _bytes(), f"{long}.txt": b"a cat", f"{long}.cls": b"1"},
        ),
    ]


def _parquet(folder: Path) -> list[Path]:
    import pyarrow
    from pyarrow.parquet import write_table

    image = {"bytes": _bytes(), "path": "1.jpg"}
    tables = {
        "a.parquet": {"image": [image] * 4, "caption": [["a cat", "a mat"]] * 4, "status": ["success"] * 4},
        "b.parquet": {"jpg": [_bytes()] * 4, "TEXT": ["a cat", "a dog", None, "a mat"], "status": ["success"] * 4},
    }
    for name, columns in tables.items():
        write_table(pyarrow.table(columns), folder / name, row_group_size=2)
    return [folder / name for name in tables]


def _cars(folder: Path) -> list[Path]:
    from scipy.io import savemat

    (folder / "devkit").mkdir()
    names = np.empty((1, 2), object)
    names[0] = ("Smart 2012", "Acura 2012")
    savemat(folder / "devkit/cars_meta.mat", {"class_names": names}, do_compression=True)
    lists = [folder / "devkit/cars_train_annos.mat", folder / "cars_test_annos_withlabels.mat"]
    for number, path in enumerate(lists):
        rows = np.array([[(1, "1.jpg"), (2, "2.jpg")]], [("class", object), ("fname", object)])
        savemat(path, {"annotations": rows}, do_compression=True)
        for name in ("1.jpg", "2.jpg"):
            save_image(folder / ("cars_test" if number else "cars_train") / name)
    return [folder / "devkit/cars_meta.mat", *lists]


def _cifar(folder: Path) -> list[Path]:
    content = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [0, 1]}
    files = {"meta": {"fine_label_names": ["apple", "baby"]}, "train": content, "test": content}
    return _write(folder, {name: pickle.dumps(value, 4) for name, value in files.items()})


def _imagenet(folder: Path) -> list[Path]:
    for wnid in ("n01440764", "n01443537"):
        save_image(folder / "val" / wnid / f"ILSVRC2012_val_0000000{wnid[-1]}.JPEG")
    return _write(
        folder, {"real.json": json.dumps([[0], [1]] * 5), "names.txt": "n01440764 tench\nn01443537 goldfish\n"}
    )


CAT = {"id": 11, "image_id": 1, "category_id": 17, "iscrowd": 0, "bbox": [2.0, 1.0, 4.0, 2.0],
       "segmentation": [[2.0, 1.0, 6.0, 1.0, 6.0, 3.0]]}  # fmt: skip
DOG = {**CAT, "id": 12, "image_id": 2, "category_id": 18, "segmentation": {"size": [6, 8], "counts": [4, 2, 4, 2, 36]}}
COCO_IMAGES = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in (1, 2)]
INSTANCES = json.dumps({"images": COCO_IMAGES, "annotations": [CAT, DOG],
                        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}]})  # fmt: skip
CAPTIONS = json.dumps(
    {"images": COCO_IMAGES, "annotations": [{"image_id": n, "caption": f"a cat {n}"} for n in (1, 2)]}
)
KARPATHY = json.dumps({"images": [
    {"cocoid": n, "filename": f"{n}.jpg", "filepath": "x", "split": split, "sentences": [{"raw": "a cat on a mat"}]}
    for n, split in ((1, "train"), (2, "test"))]})  # fmt: skip
REFS = [{"ref_id": n, "ann_id": 10 + n, "image_id": n, "split": split, "sentences": [{"sent": "left cat"}]}
        for n, split in ((1, "train"), (2, "val"))]  # fmt: skip
WORDS = {"imgs": {"7": {"file_name": "1.jpg", "width": 8, "height": 6, "set": "train"}},
         "anns": {"1": {"image_id": "7", "bbox": [2, 3, 4, 2], "utf8_string": "open"}}}  # fmt: skip
HIERTEXT = {"annotations": [{"image_id": "1", "image_width": 8, "image_height": 6, "paragraphs": [{"lines": [
    {"words": [{"text": "open", "legible": True, "vertices": [[1, 1], [4, 1], [4, 3], [1, 3]]}]}]}]}]}  # fmt: skip
QUESTIONS = {"data_subtype": "val2014", "questions": [{"question_id": 5, "image_id": 1, "question": "what is it?"}]}
ANSWERS = {"annotations": [{"question_id": 5, "answers": [{"answer": "a cat"}, {"answer": ""}, {"answer": "cat"}]}]}
RECORDS = "\n".join(map(json.dumps, [
    {"image": "1.jpg", "caption": ["a cat", "a mat"], "questions": [{"question": "what?", "answers": ["a cat"]}]},
    {"image": "2.jpg", "captions": {"de": "ein Hund"}, "things": [{"label": "dog", "bbox": [1, 1, 3, 3]}],
     "words": ["open", {"text": "house", "bbox": [1, 1, 2, 2]}], "split": "train"}]))  # fmt: skip
BOXES = f"ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\n{WORD},/m/01,0.25,0.75,0.2,0.5,0\n{WORD},/m/02,0,1,0,1,1\n"
MASKS = f"MaskPath,ImageID,LabelName,BoxXMin,BoxXMax,BoxYMin,BoxYMax\nm.png,{WORD},/m/01,0.25,0.75,0.2,0.5\n"
CLASSES = '/m/01,Animal\n/m/02,"Cat, tame"\n'
DOWNLOADED = {"url": "https://h.example/1.jpg", "key": "000000001", "caption": "a cat"}
MT = json.dumps({"image_id": "1_0", "trg_lang": "de", "translation_tokenized": "eine Katze"})


def _open_images(folder: Path, table: str) -> list[Path]:
    save_image(folder / "masks/m.png", 255)
    return _write(folder, {"t.csv": table, "names.csv": CLASSES}, [f"{WORD}.jpg"])


def _set(files: dict[str, bytes | str], images: Iterable[str]) -> Callable[[Path], list[Path]]:
    return lambda folder: _write(folder, files, images)


def _of(create: Callable[..., object], path: str, images: bool = True, **options: str) -> Callable[[Path], object]:
    """Open a source in the folder; options that are names of files in it become paths."""

    def open_it(folder: Path) -> object:
        more = {key: str(folder / value) if "." in value else value for key, value in options.items()}
        return create(str(folder / path), **({"images": str(folder / "images")} if images else {}), **more)

    return open_it


FORMATS: dict[str, Format] = {
    "tsv": Format(_set({"t.tsv": "a cat\t1.jpg\na dog\t2.jpg\n"}, ["1.jpg", "2.jpg"]), _of(tsv._create, "t.tsv")),
    "tsv, quoted": Format(
        _set({"t.tsv": 'title\tfilepath\n"a ""red""\ncar"\t1.jpg\n"a\tdog"\t2.jpg\n'}, ["1.jpg", "2.jpg"]),
        _of(tsv._create, "t.tsv"),
    ),
    "tsv, downloads": Format(
        _set(
            {
                "t.tsv": "a cat\thttps://h.example/0.jpg\na dog\thttps://h.example/1.jpg\n",
                "images/00000/000000001.json": json.dumps(DOWNLOADED),
                "images/00000/000000001.txt": "a cat",
            },
            ["00000/000000000.jpg", "00000/000000001.jpg"],
        ),
        _of(tsv._create, "t.tsv"),
    ),
    "parquet": Format(_parquet, _of(parquet._create, "*.parquet", images=False)),
    "pairs": Format(_tar, lambda folder: PairSource(str(folder / "*.tar"), classes=4)),
    "folder": Format(
        _set({"images/cat/1.txt": "a cat", "images/dog/2.txt": "\ufeffa dog"}, ["cat/1.jpg", "dog/2.jpg"]),
        lambda folder: FolderSource(str(folder / "images")),
    ),
    "records": Format(_set({"r.jsonl": RECORDS}, ["1.jpg", "2.jpg"]), _of(records._create, "r.jsonl", test="r.jsonl")),
    "text": Format(_set({"t.txt": "a cat\na dog\n" * 9}, []), _of(TextSource, "t.txt", images=False)),
    "jsonl": Format(_set({"t.jsonl": '{"text": "a cat"}\n' * 9}, []), _of(JsonlSource, "t.jsonl", images=False)),
    "tokenizer's corpus": Format(
        _set({"a.txt": "a cat\na dog\n", "a.jsonl": '{"text": "a cat"}\n'}, []),
        lambda folder: list(read_sentences([folder / "a.txt", folder / "a.jsonl"])),
    ),
    "coco_captions": Format(
        _set({"c.json": CAPTIONS, "t.jsonl.bz2": bz2.compress(MT.encode())}, ["1.jpg", "2.jpg"]),
        _of(coco_captions._create, "c.json", translations="t.jsonl.bz2"),
    ),
    "coco_captions, Karpathy": Format(
        _set({"c.json": KARPATHY}, ["1.jpg", "2.jpg"]), _of(coco_captions._create, "c.json", test="c.json")
    ),
    "coco_instances": Format(_set({"i.json": INSTANCES}, ["1.jpg", "2.jpg"]), _of(coco_instances._create, "i.json")),
    "ocr": Format(_set({"o.json": json.dumps(WORDS)}, ["1.jpg"]), _of(ocr._create, "o.json", test="o.json")),
    "ocr, HierText": Format(
        _set({"o.jsonl.gz": gzip.compress(json.dumps(HIERTEXT).encode(), mtime=0)}, ["1.jpg"]),
        _of(ocr._create, "o.jsonl.gz"),
    ),
    "vqa": Format(
        _set({"q.json": json.dumps(QUESTIONS), "a.json": json.dumps(ANSWERS)}, ["COCO_val2014_000000000001.jpg"]),
        _of(vqa._create, "q.json", annotations="a.json"),
    ),
    "vqa, TextVQA": Format(
        _set(
            {"q.json": json.dumps({"data": [{"image_id": "1", "question": "what?", "answers": ["a"] * 10}]})}, ["1.jpg"]
        ),
        _of(vqa._create, "q.json", test="q.json"),
    ),
    "vqa, VQ2A": Format(
        _set(
            {
                "q.json": json.dumps(
                    {"annotations": [{"image_id": "1", "qa_pairs": [{"question": "what?", "answers": ["a"]}]}]}
                )
            },
            ["1.jpg"],
        ),
        _of(vqa._create, "q.json"),
    ),
    "open_images": Format(
        lambda folder: _open_images(folder, BOXES), _of(open_images._create, "t.csv", classes="names.csv")
    ),
    "open_images, masks": Format(
        lambda folder: _open_images(folder, MASKS),
        lambda f: open_images._create(str(f / "t.csv"), str(f / "images"), str(f / "names.csv"), str(f / "masks")),
    ),
    "refcoco": Format(
        _set({"refcoco/refs(unc).p": pickle.dumps(REFS, 2), "refcoco/instances.json": INSTANCES}, ["1.jpg", "2.jpg"]),
        lambda folder: refcoco._create(str(folder), str(folder / "images"), test=str(folder)),
    ),
    "pets": Format(
        _set(
            {"annotations/trainval.txt": "Red_Cat_1 1 1 1\nDog_1 2 2 1\n", "annotations/test.txt": "Red_Cat_2 1 1 1\n"},
            ["Red_Cat_1.jpg", "Red_Cat_2.jpg", "Dog_1.jpg"],
        ),
        _of(Pets, "", images=False),
    ),
    "birds": Format(
        _set(
            {
                "images.txt": "1 001.A/1.jpg\n2 002.B/2.jpg\n",
                "classes.txt": "1 001.A\n2 002.B\n",
                "image_class_labels.txt": "1 1\n2 2\n",
                "train_test_split.txt": "1 1\n2 0\n",
            },
            ["001.A/1.jpg", "002.B/2.jpg"],
        ),
        _of(Birds, "", images=False),
    ),
    "dtd": Format(
        _set(
            {"labels/train1.txt": "banded/1.jpg\n", "labels/test1.txt": "banded/2.jpg\n"},
            ["banded/1.jpg", "banded/2.jpg"],
        ),
        _of(Dtd, "", images=False),
    ),
    "cars": Format(_cars, _of(Cars, "", images=False)),
    "cifar100": Format(_cifar, _of(Cifar100, "", images=False)),
    "imagenet": Format(_imagenet, _of(ImageNet, "", images=False, real="real.json", names="names.txt")),
    "xm3600": Format(
        _set({"captions.jsonl": json.dumps({"image/key": "1", "en": {"caption": ["a cat"]}}) + "\n"}, ["1.jpg"]),
        _of(Xm3600, "captions.jsonl"),
    ),
    "coco_karpathy": Format(_set({"c.json": KARPATHY}, ["1.jpg", "2.jpg"]), _of(CocoKarpathy, "c.json")),
}


def close_all(folder: Path) -> None:
    """Remove the files of `write`."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.remove(os.path.join(place, name))
        with contextlib.suppress(OSError):
            os.rmdir(place)
