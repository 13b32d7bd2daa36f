"""Vocabularies in the format of published ones, with T5's, mT5's, Gemma's and PaliGemma's ids and normalisation;
benchmarks that only a test knows; and a small finished run.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

sys.path.insert(0, str(Path(__file__).parent))  # what several test modules share

from public_sets import write_public_sets

from pali3kit.benchmarks.benchmark import Benchmark, Column
from pali3kit.catalogue import BENCHMARK
from pali3kit.data.world import captions, names
from pali3kit.data.world.world import World

SENTINELS = [f"\u2581<extra_id_{i}>" for i in reversed(range(100))]
REGIONS = [*(f"<loc{i:04}>" for i in range(1024)), *(f"<seg{i:03}>" for i in range(128))]
T5: dict[str, Any] = {"unk_id": 2, "bos_id": -1, "normalization_rule_name": "nmt_nfkc"}
GEMMA: dict[str, Any] = {
    "unk_id": 3, "bos_id": 2, "pad_piece": "<pad>", "eos_piece": "<eos>", "bos_piece": "<bos>", "model_type": "bpe",
    "normalization_rule_name": "identity", "add_dummy_prefix": False, "remove_extra_whitespaces": False,
    "split_digits": True, "allow_whitespace_only_pieces": True, "byte_fallback": True,
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "t5": {**T5, "character_coverage": 1.0},
    "mt5": {**T5, "byte_fallback": True, "user_defined_symbols": SENTINELS},
    "gemma": {**GEMMA, "user_defined_symbols": ["<mask>", "\n", "<start_of_turn>", "<end_of_turn>"]},
    "paligemma": {**GEMMA, "user_defined_symbols": ["<mask>", "\n", *REGIONS]},
    "llama": {"pad_id": -1, "eos_id": 2, "unk_id": 0, "bos_id": 1, "byte_fallback": True},
    "plain": {**T5, "normalization_rule_name": "identity"},
}
RUN = [
    "scale=smoke", "data.train=32", "data.test=8", "evaluation.limit=6", "evaluation.beams=2",
    "stages.vision.examples=32", "stages.mask_tokenizer.examples=64", "stages.language.examples=32",
    "stages.multimodal.examples=32", "stages.transfer.examples=32", "tokenizer.sentences=1500",
    "tokenizer.vocabulary=1200", "stages.resolution.steps=[]", "stages.transfer.start=multimodal",
    "evaluation.after=[multimodal,transfer]", "evaluation.constrained=true",
    "evaluate=[coco,vqav2,okvqa,refcoco,refcoco_plus]",
]  # fmt: skip
"""Settings of the run of `run_folder`, over those of `experiments/pali3.yaml`."""


@pytest.fixture(scope="session")
def tables_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sets of Tables 2 and 4 in `data`, whose images are empty files."""
    folder = tmp_path_factory.mktemp("tables")
    write_public_sets(folder / "data", images=False)
    return folder


@pytest.fixture(scope="session")
def texts() -> dict[str, list[str]]:
    """Captions of three scenes in each of the 36 languages."""
    world = World()
    scenes = [world.scene("train", index) for index in range(3)]
    return {
        language: [text for scene in scenes for text in captions.references(scene, language)]
        for language in names.LANGUAGES
    }


@pytest.fixture(scope="session")
def learn(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a SentencePiece model on some lines, with some options over T5's and Gemma's pad and eos."""

    def trained(lines: list[str], **options: Any) -> Path:
        model = io.BytesIO()
        common = {"pad_id": 0, "eos_id": 1, "vocab_size": 2500, "hard_vocab_limit": False, "minloglevel": 2}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, num_threads=1, **(common | options)
        )
        path = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
        path.write_bytes(model.getvalue())
        return path

    return trained


@pytest.fixture(scope="session")
def published(learn: Callable[..., Path], texts: dict[str, list[str]]) -> Callable[[str], Path]:
    """The file of a vocabulary by the name of its family."""
    lines = [*(text for known in texts.values() for text in known), "detect: a red fox 0123456789"] * 2
    return cache(lambda name: learn(lines, **OPTIONS[name]))


@pytest.fixture
def add_benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Benchmark]:
    """Register a benchmark for the time of a test, as a plug-in would: questions, unless something else is said."""

    def add(name: str, **told: Any) -> Benchmark:
        columns = (Column(title=name),)
        questions = {"summary": "made up", "columns": columns, "unit": "points", "metric": "vqa_accuracy"}
        questions |= {"task": "vqa"}
        made = Benchmark(name=name, **{**questions, **told})
        monkeypatch.setitem(BENCHMARK.found, name, (made, f"plugin.measures:{name.upper()}"))
        return made

    return add


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `save_pretrained` writes it, of small random models; not to be changed."""
    from random_pali import MemoryCheckpoints

    from pali3kit.inference.saved import save

    root = tmp_path_factory.mktemp("saved")
    save(MemoryCheckpoints(root / "memory"), root / "pali")
    return root / "pali"


@pytest.fixture(scope="session")
def make_run() -> Callable[[Path, list[str]], Path]:
    """Make a run of `experiments/pali3.yaml` below a folder, with the real stages in this process, beside its store."""
    from pali3kit.config.load import load
    from pali3kit.config.saved import to_yaml
    from pali3kit.execution.make import make_stage
    from pali3kit.execution.store import Store
    from pali3kit.plan.graph import build
    from pali3kit.training.context import Execution

    def made(root: Path, overrides: list[str]) -> Path:
        recipe = Path(__file__).parents[1] / "experiments/pali3.yaml"
        experiment = load(str(recipe), [*overrides, f"runtime.store={root}/store"])
        store = Store.of(experiment.runtime)
        for step in build(experiment).steps:
            make_stage(step, store, 1, Execution(), lambda message: None)
        folder = root / "pali3"
        folder.mkdir()
        (folder / "experiment.yaml").write_text(to_yaml(experiment), encoding="utf-8")
        return folder

    return made


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[[Path, list[str]], Path]) -> Path:
    """The folder of a small run, not to be changed."""
    return make_run(tmp_path_factory.mktemp("finished"), RUN)
