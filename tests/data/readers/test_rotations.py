"""Images that Open Images' list says are stored turned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.benchmark_examples import benchmark_examples
from pali3kit.data.source import Source
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

HEADER = "ImageID,Subset,OriginalURL,Title,Rotation\n"


def built(folder: Path, name: str, rotations: str) -> Source:
    """A source of TextVQA's or TextCaps' layout with two images that are black at the left, of which `b` has EXIF."""
    (folder / "rotations.csv").write_text(rotations)
    told = [{"question": "what?", "answers": ["x"] * 10, "caption_str": "x", "image_id": key} for key in "ab"]
    (folder / "x.json").write_text(json.dumps({"data": told}))
    pixels = np.full((20, 40, 3), 255, np.uint8)
    pixels[:, :10] = 0
    exif = Image.Exif()
    exif[0x0112] = 6
    for key in "ab":
        Image.fromarray(pixels).save(folder / f"{key}.jpg", "png", **({"exif": exif} if key == "b" else {}))
    files = {"path": str(folder / "x.json"), "test": str(folder / "x.json"), "images": str(folder)}
    return SOURCE.build(name, **files, rotations=str(folder / "rotations.csv"))


def dark_side(image: np.ndarray) -> str:
    sides = {"left": image[:, 0], "right": image[:, -1], "top": image[0], "bottom": image[-1]}
    return next(side for side, row in sides.items() if row.max() == 0)


@pytest.mark.parametrize("name", ["vqa", "coco_captions"])
@pytest.mark.parametrize(
    ("degrees", "side"), [("", "left"), ("0.0", "left"), ("90.0", "bottom"), ("180", "right"), ("270.0", "top")]
)
def test_turned_images_are_turned_back_counter_clockwise(tmp_path: Path, name: str, degrees: str, side: str) -> None:
    source = built(tmp_path, name, f'{HEADER}z,train,u,"a, b",90.0\na,train,u,t,{degrees}\n')
    assert dark_side(source.image("test", 0)) == side
    assert dark_side(source.image("test", 1)) == "top", "an image that is not listed is turned by its EXIF"


def test_a_listed_image_is_turned_once(tmp_path: Path) -> None:
    source = built(tmp_path, "vqa", f"{HEADER}b,train,u,t,270.0\n")
    assert dark_side(source.image("test", 1)) == "top", "by the list, whatever its EXIF says"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "a,train,u,t,45.0\n", r"rotations.csv:2: 'Rotation' should be 0, 90, 180 or 270, not '45.0'"),
        (HEADER + "z,train,u,t,0.0\na,train,u,t,left\n", r"rotations.csv:3: 'Rotation' should be"),
        ("ImageID,Subset\na,train\n", r"rotations.csv: no column 'Rotation' among ImageID, Subset"),
        ("", r"rotations.csv: no column 'ImageID'"),
    ],
)
def test_malformed_lists_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        built(tmp_path, "vqa", content).image("test", 0)


@pytest.mark.parametrize(("name", "benchmark"), [("vqa", "textvqa"), ("coco_captions", "textcaps")])
def test_a_damaged_list_is_an_error_not_an_unusable_record(tmp_path: Path, name: str, benchmark: str) -> None:
    source, task = built(tmp_path, name, HEADER + "z,train,u,t,45.0\n"), "vqa" if name == "vqa" else "caption"
    with pytest.raises(DataError, match=r"rotations.csv:2: 'Rotation' should be 0, 90"):
        benchmark_examples(source, benchmark, 32, 2, 2, task)
