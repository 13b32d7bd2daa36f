"""COCO's instances in a small file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CAT = {
    "id": 11, "image_id": 9, "category_id": 17, "iscrowd": 0, "area": 8.0, "bbox": [2.0, 1.0, 4.0, 2.0],
    "segmentation": [[2.0, 1.0, 6.0, 1.0, 6.0, 3.0, 2.0, 3.0]],
}  # fmt: skip
DOG = {
    "id": 12, "image_id": 9, "category_id": 18, "iscrowd": 0, "area": 4.0, "bbox": [0.4, 3.6, 1.9, 2.2],
    "segmentation": {"size": [6, 8], "counts": [4, 2, 4, 2, 36]},
}  # fmt: skip
DOGS = {
    "id": 13, "image_id": 7, "category_id": 18, "iscrowd": 1, "area": 6.0, "bbox": [0, 0, 6, 1],
    "segmentation": {"size": [6, 8], "counts": "015000000000<"},
}  # fmt: skip


def instances(*annotations: dict[str, Any]) -> dict[str, Any]:
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in (7, 9, 10, 11)]
    return {
        "info": {},
        "licenses": [],
        "images": images,
        "annotations": list(annotations) or [CAT, DOG, DOGS],
        "categories": [
            {"supercategory": "animal", "id": 17, "name": "cat"},
            {"supercategory": "animal", "id": 18, "name": "dog"},
        ],
    }


@pytest.fixture
def write_instances(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of instances, those of this module unless others are given, and returns its path."""

    def write(*annotations: dict[str, Any], path: str = "instances.json", **changes: Any) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**instances(*annotations), **changes}))
        return file

    return write
