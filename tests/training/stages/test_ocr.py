"""The stage that reads words in images: it continues, and lists images that cannot be decoded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from public_sets import write_public_sets

from pali3kit.data.record import Word
from pali3kit.plan.kinds.ocr import Config
from pali3kit.training.context import StageContext
from pali3kit.training.ocr_words import WordsFile
from pali3kit.training.stages import ocr

CHARTS = "ChartQA Dataset/test/"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the stage on the charts of ChartQA; returns how many images were read by the engine."""
    write_public_sets(tmp_path)
    monkeypatch.chdir(tmp_path)
    source = {"name": "vqa", "path": f"{CHARTS}test_*.json", "images": f"{CHARTS}png"}
    config = Config(
        source={**source, "test": source["path"]},
        image_size=64,
        engine="fake",
        split="test",
        count=8,
        benchmark="chartqa",
    )

    def make(most: int = 8) -> list[int]:
        read: list[int] = []

        def engine(image: np.ndarray) -> tuple[Word, ...]:
            read.append(int(image[0, 0, 0]))
            if len(read) > most:
                raise KeyboardInterrupt
            return (Word(f"shade{read[-1]}", (0, 0, 1, 1)),)

        monkeypatch.setitem(ocr.ENGINE_PACKAGES, "fake", ("numpy", "absent-package"))
        monkeypatch.setattr(ocr, "create_engine", lambda name, threads: engine)
        (tmp_path / "out").mkdir(exist_ok=True)
        ocr.run(config, StageContext(tmp_path / "out", {}, 0, lambda done, total, **numbers: None, threads=1))
        return read

    return make


def test_a_killed_stage_continues(run: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(most=2)
    assert len(run()) == 2, "two of four charts, each of which two questions have, were read before"
    words = WordsFile(tmp_path / "out")
    assert [words.words(number)[0].text[:5] for number in range(8)] == ["shade"] * 8
    engine = json.loads((tmp_path / "out" / "engine.json").read_text())
    assert engine == {"engine": "fake", "versions": {"numpy": np.__version__}}


def test_images_that_cannot_be_decoded_are_listed(run: Any, tmp_path: Path) -> None:
    (tmp_path / CHARTS / "png/5.png").write_bytes(b"no image")
    assert len(run()) == 3
    listed = (tmp_path / "out" / "skipped.txt").read_text()
    assert "image 5.png" in listed and WordsFile(tmp_path / "out").words(0) == ()
