"""Images that EXIF rotates: boxes and masks of every reader match their content."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.readers import coco_captions, coco_instances, ocr, open_images, refcoco
from pali3kit.data.record import Record, Thing, Word
from pali3kit.errors import DataError

STORED, SHOWN = (40, 100), (100, 40)  # heights and widths
BOX = {STORED: (0, 0, 20, 30), SHOWN: (0, 20, 30, 40)}  # of the white thing at the stored top left: y0, x0, y1, x1
ID = "000a1249af2bc5f0"
Size = tuple[int, int]


def draw(folder: Path, orientation: int = 6) -> None:
    """An image with a white object, under the names that the readers look for."""
    pixels = np.zeros((*STORED, 3), np.uint8)
    pixels[0:20, 0:30] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("1.jpg", f"{ID}.jpg"):
        Image.fromarray(pixels).save(folder / name, quality=95, exif=exif)


def instances(folder: Path, size: Size, scale: float = 1) -> Path:
    """COCO's file for it, with the box and the outline of the object."""
    top, left, bottom, right = (side * scale for side in BOX.get(size, BOX[STORED]))
    image = {"id": 1, "file_name": "1.jpg", "height": size[0] * scale, "width": size[1] * scale}
    shape = [[left, top, right, top, right, bottom, left, bottom]]
    thing = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [left, top, right - left, bottom - top]}
    content = {"images": [image], "categories": [{"id": 1, "name": "cup"}]}
    (folder / "i.json").write_text(json.dumps({**content, "annotations": [{**thing, "segmentation": shape}]}))
    return folder / "i.json"


def coco(folder: Path, size: Size) -> AnnotatedSource:
    return coco_instances._create(str(instances(folder, size)), str(folder))


def referred(folder: Path, size: Size) -> AnnotatedSource:
    file = instances(folder, size)
    ref = {"ref_id": 1, "ann_id": 1, "image_id": 1, "split": "train", "sentences": [{"sent": "the cup"}]}
    (folder / "refcoco").mkdir(exist_ok=True)
    (folder / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps([ref], 2))
    return refcoco._create(str(folder), str(folder), instances=str(file))


def textocr(folder: Path, size: Size) -> AnnotatedSource:
    top, left, bottom, right = BOX.get(size, BOX[STORED])
    image = {"file_name": "1.jpg", "width": size[1], "height": size[0], "set": "train"}
    word = {"image_id": "1", "bbox": [left, top, right - left, bottom - top], "utf8_string": "hi"}
    (folder / "o.json").write_text(json.dumps({"imgs": {"1": image}, "anns": {"1": word}}))
    return ocr._create(str(folder / "o.json"), str(folder))


def hiertext(folder: Path, size: Size) -> AnnotatedSource:
    top, left, bottom, right = BOX.get(size, BOX[STORED])
    word = {"text": "hi", "legible": True, "vertices": [[left, top], [right, top], [right, bottom], [left, bottom]]}
    image = {"image_id": "1", "image_width": size[1], "image_height": size[0]}
    content = {"annotations": [{**image, "paragraphs": [{"lines": [{"words": [word]}]}]}]}
    (folder / "h.jsonl.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    return ocr._create(str(folder / "h.jsonl.gz"), str(folder))


READERS: dict[str, Callable[[Path, Size], AnnotatedSource]] = {
    "coco_instances": coco,
    "refcoco": referred,
    "textocr": textocr,
    "hiertext": hiertext,
}


def first_box(record: Record) -> tuple[int, int, int, int]:
    boxes = [drawn.box for drawn in (*record.things, *record.words) if isinstance(drawn, Thing | Word)]
    assert len(boxes) == 1 and boxes[0] is not None
    return boxes[0]


def white(source: AnnotatedSource) -> float:
    """Share of white pixels in the box, and in the mask if there is one."""
    image, record = source.image("train", 0), source.record("train", 0)
    assert record.size == image.shape[:2]
    top, left, bottom, right = first_box(record)
    share = float((image[top:bottom, left:right] > 127).mean())
    for thing in record.things:
        if thing.mask is not None:
            share = min(share, float((image[thing.mask()] > 127).mean()))
    return share


@pytest.mark.parametrize("size", [STORED, SHOWN], ids=["as stored", "as shown"])
@pytest.mark.parametrize("name", READERS)
def test_the_annotated_size_decides_the_rotation(name: str, size: Size, tmp_path: Path) -> None:
    draw(tmp_path)
    source = READERS[name](tmp_path, size)
    assert source.image("train", 0).shape[:2] == size
    assert white(source) > 0.97


@pytest.mark.parametrize("name", READERS)
def test_a_size_that_fits_neither_is_an_error(name: str, tmp_path: Path) -> None:
    draw(tmp_path)
    with pytest.raises(DataError, match=r"image 1: boxes are for an image of 70x60 .*40x100, rotated .* 100x40$"):
        READERS[name](tmp_path, (70, 60)).image("train", 0)


@pytest.mark.parametrize("name", READERS)
def test_an_ambiguous_rotation_is_an_error(name: str, tmp_path: Path) -> None:
    draw(tmp_path, orientation=3)
    with pytest.raises(DataError, match=r"image 1: .*orientation 3\), the boxes perhaps not"):
        READERS[name](tmp_path, STORED).image("train", 0)


def test_boxes_of_the_original_fit_a_smaller_copy(tmp_path: Path) -> None:
    draw(tmp_path)
    source = coco_instances._create(str(instances(tmp_path, SHOWN, scale=5)), str(tmp_path))
    image, box = source.image("train", 0), np.array(source.record("train", 0).things[0].box) // 5
    assert image.shape[:2] == SHOWN and tuple(box) == BOX[SHOWN]


def test_captions_ignore_the_annotated_size(tmp_path: Path) -> None:
    draw(tmp_path)
    images = [{"id": 1, "file_name": "1.jpg", "height": 7, "width": 9}]
    content = {"images": images, "annotations": [{"id": 1, "image_id": 1, "caption": "a white thing"}]}
    (tmp_path / "c.json").write_text(json.dumps(content))
    assert coco_captions._create(str(tmp_path / "c.json"), str(tmp_path)).image("train", 0).shape == (*SHOWN, 3)


def open_image(folder: Path, mask: Size = STORED) -> AnnotatedSource:
    """Open Images with a box and a mask of the same size."""
    pixels = np.zeros(mask, np.uint8)
    top, left, bottom, right = BOX.get(mask, BOX[STORED])
    pixels[top:bottom, left:right] = 255
    Image.fromarray(pixels).save(folder / "m.png")
    columns = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax"
    (folder / "t.csv").write_text(f"{columns}\nm.png,{ID},/m/1,1,0,0.3,0,0.5\n")
    (folder / "n.csv").write_text("/m/1,Cup\n")
    return open_images._create(str(folder / "t.csv"), str(folder), str(folder / "n.csv"), str(folder))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_open_images_boxes_refer_to_images_as_stored(orientation: int, tmp_path: Path) -> None:
    draw(tmp_path, orientation)
    source = open_image(tmp_path)
    assert source.image("train", 0).shape[:2] == STORED and white(source) > 0.97


def test_a_rotated_mask_is_an_error(tmp_path: Path) -> None:
    draw(tmp_path)
    [thing] = open_image(tmp_path, mask=SHOWN).record("train", 0).things
    assert thing.mask is not None
    with pytest.raises(DataError, match=r"m\.png: a mask of 100x40 for an image of 40x100"):
        thing.mask()


def test_words_without_boxes_need_no_size() -> None:
    def record(**more: Any) -> Record:
        return Record("x", bytes, STORED, **more)

    assert record().drawn_on is None and record(words=(Word("hi"),)).drawn_on is None
    assert record(words=(Word("hi"), Word("you", (0, 0, 1, 1)))).drawn_on == STORED
    assert record(things=(Thing("cup", (0, 0, 1, 1)),)).drawn_on == STORED
