"""The corpus of the language model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import chain as joined
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pali3kit.data.records import TooManyBad
from pali3kit.errors import DataError
from pali3kit.execution.store import Store
from pali3kit.execution.verify import verify_store
from pali3kit.plan.kinds.corpus import Config
from pali3kit.training.components import Artifact, build_source
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.stages import corpus
from pali3kit.training.stages import language as training
from tests.training.stages.conftest import altered


@pytest.fixture
def context(chain: Any, tmp_path: Path) -> StageContext:
    folder = tmp_path / "work"
    folder.mkdir()
    parents = {"tokenizer": chain("tokenizer")}
    return StageContext(folder, parents, 0, lambda done, total, **numbers: None, threads=2)


def expected(context: StageContext, config: Config) -> list[int]:
    """Text by text."""
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    texts = build_source(config.source).sentences(0, config.bins)
    ids = joined.from_iterable(tokenizer.encode(text, eos=True) for text in texts)
    return list(islice(ids, config.limit))


def tokens(context: StageContext) -> np.ndarray:
    return np.load(context.folder / "tokens.npy")


def test_the_worlds_text_up_to_the_budget(chain: Any, context: StageContext) -> None:
    step = chain.step("corpus")
    told: list[tuple[int, int]] = []
    corpus.run(step.config, replace(context, report=lambda done, total, **numbers: told.append((done, total))))
    assert tokens(context).dtype == np.uint16
    assert tokens(context).tolist() == expected(context, step.config)
    assert len(tokens(context)) == step.config.limit == 32 * 48 and told[-1] == (1536, 1536)


def write_lines(path: Path, bad: int = 0) -> Config:
    """500 lines, some of which cannot be used."""
    texts = [f"text number {i}, [S2S] \u2581 <extra_id_3> кошка" for i in range(500 - bad)]
    path.write_text("\n".join([*(json.dumps({"text": text}) for text in texts), *["{"] * bad]))
    return Config(source={"name": "jsonl", "path": str(path)}, bins=32, limit=10**6)


def test_all_of_a_short_text_and_what_cannot_be_used(context: StageContext, tmp_path: Path) -> None:
    config = write_lines(tmp_path / "a.jsonl", bad=3)
    corpus.run(config, context)
    assert 5000 < len(tokens(context)) < config.limit
    assert tokens(context).tolist() == expected(context, config)
    assert len((context.folder / "skipped.txt").read_text().splitlines()) == 3
    strict = replace(context, execution=Execution(max_bad_fraction=0.001), folder=tmp_path / "strict")
    strict.folder.mkdir()
    with pytest.raises(TooManyBad, match="cannot be used, more than"):
        corpus.run(config, strict)


def test_a_killed_stage_ends_with_the_same_file(
    context: StageContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block is saved; the third is written but not saved."""
    config = write_lines(tmp_path / "a.jsonl", bad=1)
    monkeypatch.setattr(corpus, "CHARACTERS", 1000)
    monkeypatch.setattr(corpus, "SAVE_SECONDS", -1.0)
    encoded, calls = corpus._encoded, list[int]()

    def counted(*arguments: Any) -> np.ndarray:
        calls.append(len(arguments[1]))
        return encoded(*arguments)

    def killed(done: int, total: int, **numbers: float) -> None:
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "_encoded", counted)
    with pytest.raises(KeyboardInterrupt):
        corpus.run(config, replace(context, report=killed))
    assert json.loads((context.folder / "progress.json").read_text())["texts"] == sum(calls[:2])
    corpus.run(config, context)
    assert tokens(context).tolist() == expected(context, config)
    every = sum(1 for _ in build_source(config.source).sentences(0, config.bins))
    assert sum(calls) == every + calls[2], "what was saved is not tokenized again"
    assert len((context.folder / "skipped.txt").read_text().splitlines()) == 1


def test_too_little_text_for_a_window(chain: Any, context: StageContext, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one line\n" * 2)
    config = Config(source={"name": "text", "path": str(tmp_path / "a.txt")}, bins=32, limit=10**6)
    corpus.run(config, context)
    count = len(tokens(context))
    (tmp_path / "language").mkdir()
    parents = {**context.parents, "corpus": context.folder}
    with pytest.raises(DataError, match=f"the text has {count} tokens: not enough for one window of 48"):
        training.run(chain.step("language").config, replace(context, parents=parents, folder=tmp_path / "language"))


def test_a_damaged_corpus_is_noticed(chain: Any, tmp_path: Path) -> None:
    store, step = Store(tmp_path / "store"), chain.step("corpus")
    store.work(step).mkdir(parents=True)
    shutil.copyfile(chain("corpus") / "tokens.npy", store.work(step) / "tokens.npy")
    store.publish(step, 1.0, 1)
    file = store.path(step) / "tokens.npy"
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    assert verify_store(store) == 1


def test_calibration(chain: Any) -> None:
    cost = chain.calibrate("corpus")
    assert 0 < cost.seconds < 0.01 and cost.disk == 2


@pytest.mark.parametrize("name", ["t5", "gemma"])
def test_calibration_with_an_existing_tokenizer(chain: Any, published: Any, name: str) -> None:
    step = altered(chain.step("corpus"))
    tokenizer = altered(chain.step("tokenizer"), file=str(published(name)), source=None, vocabulary=None)
    assert chain.cost(replace(step, parents={"tokenizer": tokenizer})).seconds > 0
