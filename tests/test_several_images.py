"""Clips of four frames beside single images, from JSON lines to the report, where the numbers mean nothing."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
FRAMES, SIDE, CLIPS, ALONE = 4, 32, 12, 12
WAYS = {"left": (0, -5), "right": (0, 5), "up": (-5, 0), "down": (5, 0)}
COLOURS = {"red": (220, 40, 40), "green": (40, 160, 60), "blue": (40, 80, 220)}
MIXTURE = {
    "splitcap": 1, "span_corruption": 1, "caption_multilingual": 0, "ocr": 0, "vqa": 1, "vqg": 1, "object_vqa": 0,
    "detect": 0,
}  # fmt: skip


def frame(colour: str, way: str, time: int) -> Image.Image:
    """A square that moves from the middle; no single frame tells which way."""
    pixels = np.full((SIDE, SIDE, 3), 240, np.uint8)
    down, right = (12 + step * time for step in WAYS[way])
    pixels[max(0, down) : down + 8, max(0, right) : right + 8] = COLOURS[colour]
    return Image.fromarray(pixels)


def line(folder: Path, split: str, number: int, frames: int) -> dict[str, object]:
    colour, way = list(COLOURS)[number % 3], list(WAYS)[number % 4]
    names = [f"{split}/{number}-{frames}/{time}.png" for time in range(frames)]
    for time, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        frame(colour, way, time).save(folder / name)
    told = {"images": names} if frames > 1 else {"image": names[0]}
    caption = f"a {colour} square moves {way}" if frames > 1 else f"a {colour} square"
    questions = [{"question": "which way does it move?", "answers": [way]}] if frames > 1 else []
    questions.append({"question": "what colour is the square?", "answers": [colour]})
    return {**told, "split": split, "caption": caption, "questions": questions}


def write(folder: Path) -> int:
    """Clips and single images of both splits; how many images the test split has, each question's being its own."""
    lines = [
        line(folder / "frames", split, number, frames)
        for split, clips, alone in (("train", CLIPS, ALONE), ("test", 4, 4))
        for number, frames in [*((n, FRAMES) for n in range(clips)), *((n, 1) for n in range(alone))]
    ]
    (folder / "clips.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return 4 * 2 * FRAMES + 4


def experiment(folder: Path, tested: int, cache: bool) -> dict[str, object]:
    file, frames = str(folder / "clips.jsonl"), str(folder / "frames")
    source = {"name": "records", "path": file, "images": frames, "split": "train", "test": file, "test_split": "test"}
    return {
        "name": "clips", "scale": "smoke", "pretrain": "siglip", "evaluate": ["coco", "vqav2"],
        "data": {"source": source, "train": CLIPS * FRAMES + ALONE, "test": tested, "cache": cache},
        "tokenizer": {"vocabulary": 420, "sentences": 200},
        "stages": {
            "vision": {"examples": 64}, "mask_tokenizer": {"examples": 64}, "language": {"examples": 32},
            "transfer": {"examples": 32, "batch_size": 16}, "multimodal": {"examples": 64, "mixture": MIXTURE},
        },
        "evaluation": {"limit": 12}, "runtime": {"parallel_stages": 1,
        "max_tokens_per_microbatch": 0 if cache else 600},
    }  # fmt: skip


@pytest.mark.parametrize("cache", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_clips_are_trained_and_asked(cache: bool, tmp_path: Path) -> None:
    """With cached tokens, and with the encoder on every batch, which is cut into microbatches."""
    (tmp_path / "scales").symlink_to(ROOT / "experiments/scales")
    (tmp_path / "clips.yaml").write_text(yaml.safe_dump(experiment(tmp_path, write(tmp_path), cache)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pali3kit.run", "clips.yaml"], cwd=tmp_path, env=environment, capture_output=True,
        text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "Failed" not in done.stdout, done.stdout + done.stderr
    report = json.loads((tmp_path / "runs/clips/report.json").read_text())
    [table] = report["tables"]
    for column in table["columns"]:
        [cell] = [row["cells"][column["name"]] for row in table["rows"]]
        assert cell["status"] == "done" and math.isfinite(cell["ours"]["mean"]), cell
    asked = {step: rows for file in tmp_path.glob("runs/store/evaluate-*/predictions.jsonl")
             for step, rows in [(file.parent.name, read(file))]}  # fmt: skip
    for rows in asked.values():
        numbers = [row.get("images") or [row["image"]] for row in rows]
        assert {len(each) for each in numbers} == {1, FRAMES}
        assert all(each == list(range(each[0], each[0] + len(each))) for each in numbers)
        ways = [row for row in rows if "which way" in row["prompt"]]
        assert all(len(row["images"]) == FRAMES and row["target"] in WAYS for row in ways)
    html = (tmp_path / "runs/clips/report.html").read_text()
    for example in report["gallery"]:
        shown = [f"#image-{number}-{example['size']}" for number in example["images"]]
        assert re.search(".*".join(map(re.escape, shown)), html, re.DOTALL)
    assert any(len(example["images"]) == FRAMES for example in report["gallery"])


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in file.read_text().splitlines()]
