"""MIAP: from its files to the error rate, by hand and by slice."""

from __future__ import annotations

from typing import Any

from pali3kit.benchmarks.miap import MIAP
from pali3kit.report.slices import slice_table

HEADER = (
    "ImageID,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepictionOf,IsInsideOf,"
    "GenderPresentation,AgePresentation\n"
)
PEOPLE = [("a", "Predominantly Feminine", "Middle"), ("b", "Predominantly Masculine", "Unknown"),
          ("c", "Predominantly Feminine", "Young"), ("d", "Unknown", "Middle"),
          ("e", "Predominantly Masculine", "Middle"), ("f", "Unknown", "Young"), ("f", "Unknown", "Young")]  # fmt: skip


def test_from_files_to_slices(put: Any, measured: Any) -> None:
    lines = "".join(f"{name},/m/01g317,1,0.1,0.9,0.1,0.9,0,0,0,0,0,{gender},{age}\n" for name, gender, age in PEOPLE)
    for split in ("train", "test"):
        put(f"miap/open_images_extended_miap_boxes_{split}.csv", HEADER + lines)
    for name in "abcde":
        put(f"miap/images/{name}.jpg", 9)
    faces = measured("miap")
    result = faces.score("no", "yes", "yes", "no", "yes")
    assert result.value == 40 and len(faces.images) == 5
    scored = [(each.attributes, sample) for each, sample in zip(faces.examples, result.samples, strict=True)]
    found = {each: slice_table(scored, each, ("gender", "age"), {}, 2, MIAP.bounded) for each in ("gender", "age")}
    told = {name: {each.value: (each.n, each.mean) for each in table.slices} for name, table in found.items()}
    assert told["gender"] == {"Predominantly Feminine": (2, 50), "Predominantly Masculine": (2, 0), "": (1, None)}
    assert told["age"] == {"Middle": (3, 200 / 3), "Young": (1, None), "": (1, None)}
    assert (found["gender"].lowest, found["gender"].highest, found["age"].lowest) == (0, 50, None)
    assert any("an image of several people is left out" in line for line in faces.source.damages)
