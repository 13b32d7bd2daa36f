"""Runs are refused where a benchmark has too few test examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.evals.examples import require_examples
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.plan.pali import TextConfig
from pali3kit.plan.step import Step


def measuring(benchmark: str, folder: Path, captions: list[str]) -> list[Step]:
    """An evaluation on captions in files, and the step that trains its model."""
    images = [f"{number}.png" for number in range(len(captions))]
    for name in images:
        Image.new("RGB", (8, 8)).save(folder / name)
    (folder / "a.tsv").write_text("".join(f"{text}\t{name}\n" for text, name in zip(captions, images, strict=True)))
    files = {"path": str(folder / "a.tsv"), "images": str(folder), "test": str(folder / "a.tsv")}
    source = {"name": "tsv", **files, "language": "de" if benchmark == "xm3600" else "en"}
    texts = {"image_size": 8, "bins": 9, "prompt_length": 8, "target_length": 8}
    config = Config(source=source, **texts, benchmark=benchmark, after="transfer", limit=9, beams=1, test=9)
    model = Step("multimodal", "model", TextConfig(source=source, **texts))
    return [model, Step("evaluate", "measured", config, parents={"model": model})]


@pytest.mark.parametrize("benchmark", ["coco", "xm3600"])
def test_a_test_file_of_one_image_is_refused_before_training(benchmark: str, tmp_path: Path) -> None:
    require_examples(measuring(benchmark, tmp_path, ["ein Hund", "eine Katze"]))
    steps = measuring(benchmark, tmp_path, ["ein Hund"])
    with pytest.raises(DataError, match=rf"a\.tsv: '{benchmark}' needs at least 2 test examples.*found (de )?1"):
        require_examples(steps)
    require_examples(steps[1:])  # the model is there: other benchmarks can be measured
