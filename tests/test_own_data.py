"""Own data from one file to a report: images of six formats with Unicode names, captions in two languages, boxes,
masks, expressions and words; and a line that cannot be used.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
COLOURS = {"red": ("rot", (220, 40, 40)), "blue": ("blau", (40, 60, 220)), "green": ("grün", (30, 170, 60))}
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "AVIF")
SIDEWAYS = Image.Exif()
SIDEWAYS[0x0112] = 6
COUNT, HEIGHT, WIDTH = 24, 48, 64


def line(number: int) -> dict[str, object]:
    """Draws an image with a square of a colour, and its mask, into the folder `画像`; returns what is said of it."""
    colour, kind, number_of_test = list(COLOURS)[number % 3], FORMATS[number % 6], number >= COUNT - 6
    own, paint = COLOURS[colour]
    x, y, side = (int(n) for n in np.random.default_rng(number).integers((4, 4, 12), (30, 20, 24)))
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    ImageDraw.Draw(image).rectangle((x, y, x + side - 1, y + side - 1), fill=paint)
    name = f"画像/Größe {number}.{kind.lower()}"
    if kind == "JPEG":  # stored sideways, as phones do
        image.transpose(Image.Transpose.ROTATE_90).save(name, kind, exif=SIDEWAYS)
    else:
        image.save(name, kind)
    mask: object = [[x, y, x + side, y, x + side, y + side, x, y + side]]
    if number % 2:
        pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
        pixels[y : y + side, x : x + side] = 1
        mask = f"画像/Maske {number}.png"
        Image.fromarray(pixels).save(mask)
    return {
        "image": name, "split": "test" if number_of_test else "train",
        "captions": {"en": f"a {colour} square", "de": f"ein Quadrat, {own}"},
        "questions": [{"question": "what colour is it?", "answers": [colour]},
                      {"question": "welche Farbe?", "answers": [own], "language": "de"}],
        "things": [{"label": "square", "bbox": [x, y, side, side], "mask": mask,
                    "expressions": [f"the {colour} square", f"das Quadrat, {own}"]}],
        "words": ["ÖFFEN", colour], "labels": [colour],
    }  # fmt: skip


EXPERIMENT = """
name: own
scale: smoke
pretrain: siglip
data:
  source: {name: records, path: own.jsonl, test_split: test}
  train: 19
  test: 12
tokenizer: {vocabulary: 420, sentences: 200}
stages:
  vision: {examples: 64}
  mask_tokenizer: {examples: 64}
  language: {examples: 32}
  multimodal: {examples: 64, mixture: {refer: 1}}
  transfer: {examples: 32, batch_size: 16}
evaluate: [coco, vqav2, refcoco, mask_tokenizer]
runtime: {parallel_stages: 1, threads: 1}
"""


def pali3kit(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pali3kit.run", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)


@pytest.mark.slow
def test_one_file_trains_and_measures_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("画像").mkdir()
    lines = [*map(line, range(COUNT)), {"image": "画像/Größe 0.png", "captoin": "a red square"}]
    Path("own.jsonl").write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in lines), encoding="utf-8")
    Path("scales").symlink_to(ROOT / "experiments/scales")
    Path("own.yaml").write_text(EXPERIMENT)

    checked = pali3kit("check-data", "own.jsonl", "--decode")
    assert checked.returncode == 1, checked.stderr
    wrong = f"own.jsonl:{COUNT + 1}: unknown field 'captoin'. Did you mean 'caption'?"
    assert f"1 line cannot be used:\n  {wrong}" in checked.stdout
    assert "images: 4 PNG, 4 JPEG, 4 WEBP, 4 GIF, 4 TIFF, 4 AVIF" in checked.stdout
    suggested = yaml.safe_load(checked.stdout.partition("in an experiment:\n")[2])
    assert suggested["data"] == yaml.safe_load(EXPERIMENT)["data"]

    done = pali3kit("own.yaml")
    assert done.returncode == 0 and "Failed" not in done.stdout, done.stdout + done.stderr
    report = json.loads(Path("runs/own/report.json").read_text())
    cells = {name: cell for table in report["tables"] for row in table["rows"] for name, cell in row["cells"].items()}
    assert {name.rpartition("/")[2] for name in cells} == {"coco", "vqav2", "refcoco", "mask_tokenizer"}
    assert all(cell["status"] == "done" and math.isfinite(cell["ours"]["mean"]) for cell in cells.values())
    [skipped] = {text.strip() for file in Path("runs/store").glob("*/skipped.txt")
                 for text in file.read_text().splitlines()}  # fmt: skip
    assert skipped == wrong

    told = [json.loads(row) for file in Path("runs/store").glob("evaluate-*/predictions.jsonl")
            for row in file.read_text().splitlines()]  # fmt: skip
    things = [thing for each in lines[COUNT - 6 : COUNT] for thing in each["things"]]  # type: ignore[attr-defined]
    marked = {(y, x, y + height, x + width) for x, y, width, height in (thing["bbox"] for thing in things)}
    regions = [row for row in told if "target_box" in row]
    assert len(regions) == 12 and {tuple(row["target_box"]) for row in regions} == marked
    areas = sorted(sum(length for _, _, length in row["target_mask"]) for row in regions)
    assert areas == sorted(2 * [thing["bbox"][2] ** 2 for thing in things])
    assert all(any(text in row["prompt"] for thing in things for text in thing["expressions"]) for row in regions)
    assert len([row for row in told if "colour is it" in row["prompt"] or "Farbe" in row["prompt"]]) == 12
