"""From the files of a public set below a root to examples and a score, by the settings that `data.root` stands for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.load import load
from pali3kit.config.root import source_of, task_of
from pali3kit.data.benchmark_examples import benchmark_examples
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import score
from pali3kit.registry import SOURCE

LIMIT = 100


class FromFiles(NamedTuple):
    """A benchmark on its own files: the source, and the test examples, whose images can all be read."""

    name: str
    source: Source
    examples: Sequence[Example]

    def score(self, *answers: str) -> EvalResult:
        """The score of an answer to each example."""
        return score(self.name, Answered(self.examples, answers, self.source, None, 32))

    @property
    def images(self) -> list[np.ndarray]:
        return [self.source.image("test", example.images[0]) for example in self.examples]

    def trained(self, count: int) -> list[Example]:
        """The examples of the transfer, from the first `count` images of the training split."""
        task = self.source.task(BENCHMARK.find(self.name).public[0].task, 32)
        draws = (task.draw("train", number, np.random.default_rng(number)) for number in range(count))
        return [each for each in draws if each is not None]


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    return tmp_path / "sets"


@pytest.fixture
def put(sets: Path) -> Callable[[str, Any], Path]:
    """Writes a file below the root: JSON, text, or from a number an image of that grey, 40 x 30 pixels."""

    def write(name: str, content: Any) -> Path:
        path = sets / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            Image.new("RGB", (40, 30), (content,) * 3).save(path, "png")
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def measured(tmp_path: Path, sets: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FromFiles]:
    """Loads an experiment that measures a benchmark below the root, by some other options of its source, and reads its
    test examples.
    """

    def measure(name: str, **options: object) -> FromFiles:
        monkeypatch.chdir(tmp_path)
        data = {"root": "sets", "benchmarks": {name: options}} if options else {"root": "sets"}
        experiment = {"name": "x", "scale": "smoke", "pretrain": "siglip", "evaluate": [name], "data": data}
        experiment["evaluation"] = {"after": ["multimodal"]}  # what an answering transfer learns from is not there
        (tmp_path / "x.yaml").write_text(yaml.safe_dump(experiment))
        benchmark, cell = BENCHMARK.find(name), load("x.yaml")
        component = source_of(cell, benchmark)
        assert component is not None
        source = SOURCE.build(component.name, **component.options)
        task, size = task_of(cell, benchmark), source.size("test")  # type: ignore[attr-defined]
        examples = benchmark_examples(source, name, 32, size, LIMIT, task)
        assert source.skips is not None
        return FromFiles(name, source, [replace(example) for example in examples])

    return measure
