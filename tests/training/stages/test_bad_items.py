"""One item of each bad kind among 200: listed with its reason, and no stage ends; too many among few do end it."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.members import NamedMember, named_members
from pali3kit.data.records import TooManyBad
from pali3kit.data.video import tars
from pali3kit.errors import DataError
from pali3kit.plan.step import Step
from pali3kit.training.context import Execution, StageContext
from tests.clips import write_clip
from tests.made_shards import tar_of
from tests.training.stages.conftest import Chain, altered, run

COUNT = 200
IMAGES = {
    11: "missing", 33: "cut off", 55: "no image", 77: "a bomb", 99: "floats", 121: "exif",
}  # fmt: skip
REASONS = {
    "missing": "there is no image", "cut off": "broken image", "no image": "not an image in a known format",
    "a bomb": "exceeds limit", "floats": "its greys are floats", "exif": "broken image",
}  # fmt: skip
CAPTION = 143  # whose line has no text
THINGS = {
    20: "'bbox'", 40: "'category_id'", 60: "segmentation", 80: "segmentation", 100: "no field 'bbox'",
}  # fmt: skip


def bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def bad() -> dict[str, bytes]:
    """What lies in the files."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHIi", 0x0100, 9, 1, -1)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    return {
        "cut off": encoded(noise, "PNG")[:1500],
        "no image": b"<html>404</html>",
        "a bomb": bomb(),
        "floats": encoded(Image.fromarray(np.zeros((8, 8), np.float32)), "TIFF"),
        "exif": encoded(noise, "JPEG", exif=exif),
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in folders of a class and of a split, captions of them, and objects in them."""
    folder, contents = tmp_path_factory.mktemp("bad"), bad()
    for split in ("train", "test"):
        for number in range(COUNT):
            path = folder / split / f"class{number % 2}" / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = IMAGES.get(number)
            if kind is None:
                Image.new("RGB", (20 + number % 3, 20), (number, number % 7, 0)).save(path)
            elif kind in contents:
                path.write_bytes(contents[kind])
    names = [f"train/class{number % 2}/{number:03}.png" for number in range(COUNT)]
    texts = ["" if number == CAPTION else f"image number {number}" for number in range(COUNT)]
    (folder / "c.tsv").write_text("".join(f"{text}\t{name}\n" for text, name in zip(texts, names, strict=True)))
    images = [{"id": n, "file_name": name, "height": 20, "width": 20 + n % 3} for n, name in enumerate(names)]
    things: list[dict[str, Any]] = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [2, 3, 9, 9], "segmentation": [[2, 3, 11, 3, 11, 12, 2, 12]]}
        for n in range(COUNT)
    ]
    things[20]["bbox"] = [99, 99, 5, 5]
    things[40]["category_id"] = 7
    things[60]["segmentation"] = {"size": [5, 5], "counts": [25]}
    things[80]["segmentation"] = [["a", "b", "c", "d", "e", "f"]]
    del things[100]["bbox"]
    content = {"images": images, "categories": [{"id": 1, "name": "cup"}], "annotations": things}
    (folder / "i.json").write_text(json.dumps(content))
    return folder


def tsv(root: Path) -> dict[str, str]:
    return {"name": "tsv", "path": str(root / "c.tsv"), "images": str(root), "test": str(root / "c.tsv")}


def make(
    step: Step, folder: Path, parents: Mapping[str, Path], max_bad_fraction: float = 0.05, num_workers: int = 0
) -> list[str]:
    """Run a stage; the lines of what it could not use."""
    folder.mkdir()
    execution = Execution(max_bad_fraction=max_bad_fraction, num_workers=num_workers)
    run(step, StageContext(folder, dict(parents), step.seed, lambda done, total, **numbers: None, 1, execution))
    return (folder / "skipped.txt").read_text().splitlines()


def parents_of(chain: Chain, step: Step, *without: str) -> dict[str, Path]:
    return {role: chain.make(parent) for role, parent in step.parents.items() if role not in without}


def check(lines: list[str], *without: str) -> None:
    """Each bad image is listed once, with its reason, and nothing else is, but the caption."""
    images = [line for line in lines if "its caption is empty" not in line]
    assert len(images) == len(IMAGES) - len(without) and len(lines) - len(images) <= 1, lines
    for kind in IMAGES.values():
        found = [line for line in images if REASONS[kind] in line]
        assert bool(found) == (kind not in without), (kind, lines)


ONE_PASS = {"examples": COUNT, "batch_size": 8}


@pytest.mark.parametrize("pretrain", ["siglip", "classif"])
def test_pretraining(chain: Chain, root: Path, tmp_path: Path, pretrain: str) -> None:
    step = chain.step("vision", pretrain=pretrain)
    source = tsv(root) if pretrain == "siglip" else {"name": "folder", "path": str(root / "train")}
    lines = make(altered(step, ONE_PASS, source=source), tmp_path / "made", parents_of(chain, step))
    check(lines, *([] if pretrain == "siglip" else ["missing"]))
    assert pretrain == "classif" or any(f":{CAPTION + 1}: " in line for line in lines)


def test_the_text_tower(encoders: Chain, root: Path, tmp_path: Path) -> None:
    step = encoders.step("lit")
    check(make(altered(step, ONE_PASS, source=tsv(root)), tmp_path / "made", parents_of(encoders, step)))


def test_features(chain: Chain, root: Path, tmp_path: Path) -> None:
    step = chain.step("features", split="train")
    check(make(altered(step, source=tsv(root), count=COUNT), tmp_path / "made", parents_of(chain, step)))
    assert len(np.load(tmp_path / "made" / "train-bad.npy")) == len(IMAGES) + 1  # of a bad record nothing is used


def test_features_of_a_set(encoders: Chain, root: Path, tmp_path: Path) -> None:
    step = altered(encoders.step("embed", splits=["test", "v2"]), splits=("train", "test"))
    step = altered(step, labelled={"name": "folders", "path": str(root)})
    lines = make(step, tmp_path / "made", parents_of(encoders, step))
    stored = ("missing", "exif")  # as stored: its EXIF is not read
    assert len(lines) == 2 * (len(IMAGES) - len(stored))
    for kind in set(REASONS) - set(stored):
        assert sum(REASONS[kind] in line for line in lines) >= 2


@pytest.mark.parametrize("kind", ["multimodal", "transfer"])
def test_training_on_images_that_nobody_looked_at_before(chain: Chain, root: Path, tmp_path: Path, kind: str) -> None:
    step = chain.step(kind) if kind == "multimodal" else chain.step(kind, task="caption")
    parents = parents_of(chain, step, "features") | {"vision": chain("vision", pretrain="random")}
    training = {"mixture": {"splitcap": 1.0}} if kind == "multimodal" else {}
    step = altered(step, {"examples": 2 * COUNT, **training}, source=tsv(root), count=COUNT)
    lines = make(step, tmp_path / "made", parents, max_bad_fraction=0.1)  # drawn at random, some more often than others
    assert len(lines) >= 4 and all(
        any(reason in line for reason in [*REASONS.values(), "its caption"]) for line in lines
    )


def test_a_tar_of_videos_that_is_cut_off_is_listed_and_read_once(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where loader processes decode, for whom it was read before they were forked."""
    names = [f"{number}.mp4" for number in range(4)]
    video = write_clip(tmp_path / "a.mp4", 4).read_bytes()
    whole = tar_of(dict.fromkeys(names, video))
    (tmp_path / "a.tar").write_bytes(whole[: whole.rindex(b"3.mp4") + 600])  # a header has 512 bytes
    (tmp_path / "lines").write_text("".join(f'{{"video": "{name}", "caption": "a clip"}}\n' for name in names))

    def noted(shard: Path) -> Iterator[NamedMember]:
        with (tmp_path / "read").open("a") as file:
            file.write(f"{os.getpid()}\n")
        return named_members(shard)

    monkeypatch.setattr(tars, "named_members", noted)
    step = chain.step("transfer", task="caption")
    parents = parents_of(chain, step, "features") | {"vision": chain("vision", pretrain="random")}
    source = {"name": "videos", "path": str(tmp_path / "lines"), "videos": str(tmp_path / "a.tar"), "frames": 1}
    step = altered(step, {"examples": 16, "batch_size": 8}, source=source, count=len(names))
    lines = make(step, tmp_path / "made", parents, max_bad_fraction=0.5, num_workers=2)
    assert lines[0] == f"{tmp_path}/a.tar: damaged after 3 files: 3.mp4 is cut off"
    assert all("there is no video 3.mp4" in line for line in lines[1:])
    assert (tmp_path / "read").read_text() == f"{os.getpid()}\n"


def test_images_that_a_transfer_is_validated_on(chain: Chain, root: Path, tmp_path: Path) -> None:
    step = chain.step("transfer", task="caption")
    parents = parents_of(chain, step, "features") | {"vision": chain("vision", pretrain="random")}
    training = {"examples": 8, "batch_size": 8, "num_validations": 1, "validation_examples": COUNT}
    step = altered(step, training, source=tsv(root), count=COUNT + 10, validation=COUNT, benchmark="coco")
    lines = make(altered(step, target_length=2), tmp_path / "made", parents)
    assert all(any(reason in line for line in lines) for reason in REASONS.values())


def test_evaluation(chain: Chain, root: Path, tmp_path: Path) -> None:
    step = chain.step("evaluate", benchmark="coco", after="multimodal")
    parents = parents_of(chain, step, "features") | {"vision": chain("vision", pretrain="random")}
    step = altered(step, source=tsv(root), count=COUNT, test=COUNT, limit=COUNT, target_length=2)
    check(make(step, tmp_path / "made", parents))
    assert json.loads((tmp_path / "made" / "metrics.json").read_text())["n"] == COUNT - len(IMAGES) - 1


def test_masks(chain: Chain, root: Path, tmp_path: Path) -> None:
    source = {"name": "coco_instances", "path": str(root / "i.json"), "images": str(root)}
    step = altered(chain.step("mask_tokenizer"), {"examples": COUNT, "batch_size": 8}, source=source, task="instance")
    lines = make(step, tmp_path / "made", {}, max_bad_fraction=0.1)
    assert lines and all(any(reason in line for reason in THINGS.values()) for line in lines)
    assert all(re.search(r"annotations\[(20|40|60|80|100)\]", line) for line in lines)


def test_too_many_among_few_stop_a_stage_with_the_first_reasons(chain: Chain, tmp_path: Path) -> None:
    """48 of 48 that are not there, as of a set whose images have another ending."""
    (tmp_path / "c.tsv").write_text("".join(f"a cat\t{number}.jpg\n" for number in range(48)))
    step = chain.step("features", split="train")
    few = altered(step, source=tsv(tmp_path), count=48)
    listed = r".*c\.tsv:\d+: .*\d\.jpg; .*\d\.jpg"
    told = rf"^48 of 48 cannot be used, more than max_bad_fraction 0\.05 allows; the first: {listed}"
    with pytest.raises(TooManyBad, match=told):
        make(few, tmp_path / "features", parents_of(chain, step))
    assert len((tmp_path / "features" / "skipped.txt").read_text().splitlines()) == 48


def test_where_a_stage_finds_nothing_it_says_why(chain: Chain, root: Path, tmp_path: Path) -> None:
    """Records that are all bad, not: no example was found."""
    content = json.loads((root / "i.json").read_text())
    content["annotations"] = [{**thing, "category_id": 7} for thing in content["annotations"]]
    (tmp_path / "i.json").write_text(json.dumps(content))
    source = {"name": "coco_instances", "path": str(tmp_path / "i.json"), "images": str(root)}
    step = altered(chain.step("mask_tokenizer"), {"examples": 40, "batch_size": 8}, source=source, task="instance")
    with pytest.raises(
        DataError, match=r"more than max_bad_fraction 0\.05 allows; the first: .*'category_id' 7 is no category"
    ):
        make(step, tmp_path / "mask_tokenizer", {})
