"""WidgetCap: from its files to CIDEr, with the outlines of widgets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.metrics import cider
from pali3kit.registry import SOURCE

ROWS = """datasetId,screenId,nodeId,captions
rico,25953,0.0,go back|return to the last page
rico,25953,0.1.0,search
nr,25953,0.9,no public screen
rico,7,0,the page
"""
TREE = {
    "activity": {"root": {"bounds": [0, 0, 1440, 2560], "children": [
        {"bounds": [0, 84, 1440, 280], "children": []},
        {"bounds": [0, 0, 9, 9], "children": [{"bounds": [720, 1280, 1440, 2560]}]},
    ]}},
}  # fmt: skip


def of(children: list[Any]) -> dict[str, Any]:
    return {"activity": {"root": {"bounds": [0, 0, 1440, 2560], "children": children}}}


@pytest.fixture
def widgets(put: Any, sets: Path) -> Callable[..., Any]:
    put("widget-caption/widget_captions.csv", ROWS)
    put("widget-caption/split/train.txt", "7\n")
    put("widget-caption/split/test.txt", "25953\n")
    for name in (7, 25953):
        put(f"rico/combined/{name}.json", TREE)
        Image.new("RGB", (144, 256), "white").save(sets / f"rico/combined/{name}.jpg", "png")
    return put


def box(pixels: np.ndarray) -> tuple[int, ...]:
    """(x0, y0, x1, y1) around what is red."""
    places = np.argwhere((pixels == (255, 0, 0)).all(-1))
    return (*map(int, places.min(0)[::-1]), *map(int, places.max(0)[::-1]))


def test_from_files_to_score(widgets: Any, measured: Any) -> None:
    found = measured("widgetcap")
    references = [("go back", "return to the last page"), ("search",)]
    assert [example.references for example in found.examples] == references
    assert [box(image) for image in found.images] == [(0, 8, 143, 28), (72, 128, 143, 255)]
    assert (found.images[0][100, 70] == 255).all()
    said = ["go back", "find"]
    assert found.score(*said).value == pytest.approx(100 * cider(said, references)[0]) != 0
    assert any("csv:4: a widget whose screen is not public" in line for line in found.source.damages)


def test_outlines_are_as_wide_as_a_pixel_of_the_models_image(widgets: Any, sets: Path) -> None:
    paths = {"path": "widget_captions.csv", "train": "split/train.txt"}
    files = {key: str(sets / "widget-caption" / path) for key, path in paths.items()}
    source = SOURCE.build("rico_captions", **files, images=str(sets / "rico/combined"), image_size=64)
    red = (source.image("train", 0) == (255, 0, 0)).all(-1)
    assert red[:4].all() and not red[4:-4, 4:-4].any(), "256 / 64"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, "25953.json: no field 'activity'"),
        (of([]), r"activity.root: there is no child 0 among its 0, for the node 0.0"),
        (of([None]), r"activity.root.children\[0\]: this should be a mapping, not nothing"),
        (of([{"bounds": [1, 2, 3]}]), r"children\[0\]: 'bounds' should have 4 numbers"),
        (of([{"bounds": [9, 2, 3, 4]}]), r"children\[0\]: 'bounds' should be left"),
        ("not JSON", "25953.json: "),
    ],
)
def test_malformed_hierarchies_are_told(widgets: Any, measured: Any, tree: Any, message: str) -> None:
    widgets("rico/combined/25953.json", tree)
    with pytest.raises(DataError, match=message):
        measured("widgetcap").images  # noqa: B018


def test_a_node_that_is_no_path_is_told(widgets: Any, measured: Any) -> None:
    widgets("widget-caption/widget_captions.csv", ROWS.replace("0.1.0", "0.x"))
    with pytest.raises(DataError, match=r"activity.root: there is no node '0.x'"):
        measured("widgetcap").images  # noqa: B018
