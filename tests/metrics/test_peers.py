"""Metrics of questions equal other projects' code on 20,000 random cases each, where that code is installed.

    pip install --no-deps lmms-eval==0.7.3 anls-star anls munkres

Functions of lmms-eval are taken from its files, as importing them brings all of it. `pytest -m slow -s` prints counts.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pali3kit.metrics import anls, relaxed_accuracy, textvqa_accuracy

CASES = 20_000
WORDS = [
    "stop", "Stop", "coca-cola", "Coca Cola", "the", "a", "McDonald's", "mcdonalds", "isnt", "isn't", "two", "2",
    "none", "0", "ten", "1,000", "1000", "12%", "12", "0.12", "$5", "5.", ".5", "10:30", "10.30", "new york", "a,b",
    "New  York", "yes", "Yes.", "what?", "and/or", "and / or", "café", "日本", "İstanbul", "ß", "unanswerable", "Ids",
    "y'all'd've",
]  # fmt: skip
NUMBERS = [
    "0", "0.0", "5", "-5", "25", "25%", "0.25", "100", "105", "105.01", "2010", "1e3", " 12 ", "nan", "inf", "-inf",
    "%", "1,000", "$5", "", "5%%", "-0", "1_000", "٣", "0%", "1e400", "Yes", "yes", "Peru",
]  # fmt: skip
SPACES = [" ", "  ", "\t", "\n", "\u00a0", "\u2028"]
Case = tuple[str, list[str]]


def lmms(path: str) -> Path:
    spec = find_spec("lmms_eval")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("pip install --no-deps lmms-eval==0.7.3")
    return Path(spec.submodule_search_locations[0]) / path


def loaded(path: str) -> ModuleType:
    spec = spec_from_file_location("peer", lmms(path))
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def functions_of(path: str, *names: str) -> dict[str, Any]:
    """Functions of a module that cannot be imported alone, without their decorators."""
    tree = ast.parse(lmms(path).read_text(encoding="utf-8"))
    found = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name in names]
    for each in found:
        each.decorator_list = []
    scope: dict[str, Any] = {}
    exec(compile(ast.Module(found, []), path, "exec"), scope)
    return scope


def text(rng: np.random.Generator) -> str:
    words = [str(rng.choice(WORDS)) for _ in range(int(rng.integers(0, 4)))]
    found = "".join(word + str(rng.choice(SPACES)) for word in words)
    return found if rng.random() < 0.3 else found.strip()


def changed(original: str, rng: np.random.Generator) -> str:
    """The text with a few signs dropped, doubled or changed, so that similarities of about one half are frequent."""
    signs = list(original)
    for _ in range(int(rng.integers(0, 1 + len(signs)))):
        place = int(rng.integers(0, len(signs))) if signs else 0
        signs[place : place + 1] = [["", "x", " ", "Z", "ab"][int(rng.integers(5))]]
    return "".join(signs)


def cases(answers: int = 3) -> Iterator[Case]:
    rng = np.random.default_rng(21)
    for _ in range(CASES):
        known = [text(rng) for _ in range(int(rng.integers(1, answers + 1)))]
        yield (changed(known[0], rng) if rng.random() < 0.8 else text(rng)), known


def plain() -> list[Case]:
    """Cases with single spaces, and letters that are one in any case: cleaned texts are as long as raw ones."""

    def clean(said: str) -> str:
        return " ".join(said.replace("ß", "s").replace("İ", "I").split())

    return [(clean(said), [clean(each) for each in known]) for said, known in cases()]


def compare(name: str, found: Sequence[float], expected: Sequence[float]) -> None:
    assert len(found) == len(expected) == CASES
    wrong = [number for number, pair in enumerate(zip(found, expected, strict=True)) if abs(pair[0] - pair[1]) > 1e-12]
    scores = Counter("0" if score == 0 else "1" if score == 1 else "between" for score in found)
    print(f"{name}: {CASES} cases, {len(wrong)} differ; scores {dict(scores)}")
    assert not wrong and min(scores["0"], scores["1"]) > CASES // 50


def scores_of(metric: Callable[..., tuple[float, list[float]]], asked: Sequence[Case]) -> list[float]:
    return metric(*zip(*asked, strict=True))[1]


@pytest.mark.slow
def test_anls_equals_lmms_eval() -> None:
    peer = functions_of("api/metrics.py", "anls", "levenshtein_distance")
    asked = list(cases())
    compare("ANLS, lmms-eval", scores_of(anls, asked), [peer["anls"](known, [said])["anls"] for said, known in asked])


@pytest.mark.slow
def test_anls_equals_anls_star_on_plain_texts() -> None:
    """It divides by the length of the cleaned text."""
    peer = pytest.importorskip("anls_star", reason="pip install --no-deps anls-star munkres")
    asked = plain()
    compare("ANLS, anls-star", scores_of(anls, asked), [peer.anls_score(tuple(known), said) for said, known in asked])


@pytest.mark.slow
def test_anls_equals_the_package_anls_but_for_one_half() -> None:
    """It divides by the length of the cleaned text; a similarity of exactly one half is 0, as in big_vision."""
    peer = pytest.importorskip("anls", reason="pip install --no-deps anls")
    asked = plain()
    found = scores_of(anls, asked)
    halves = found.count(0.5)
    assert halves > 100
    expected = [peer.anls_score(prediction=said, gold_labels=known, threshold=0.5) for said, known in asked]
    compare(f"ANLS, anls ({halves} halves apart)", [score if score != 0.5 else 0.0 for score in found], expected)


@pytest.mark.slow
def test_relaxed_accuracy_equals_lmms_eval() -> None:
    peer = functions_of("tasks/chartqa/utils.py", "relaxed_correctness")["relaxed_correctness"]
    rng = np.random.default_rng(21)
    asked = []
    for said, known in cases(answers=1):
        if rng.random() < 0.7:
            known, said = [str(rng.choice(NUMBERS))], str(rng.choice(NUMBERS))
        elif rng.random() < 0.7:
            value = float(rng.normal()) * 10 ** int(rng.integers(-3, 5))
            known, said = (
                [f"{value:.6g}"],
                f"{value * (1 + float(rng.choice([0.04, 0.05, 0.0500001, -0.05, 0.3]))):.9g}",
            )
        asked.append((said, known))
    compare("relaxed accuracy, lmms-eval", scores_of(relaxed_accuracy, asked), [float(peer(p, a[0])) for p, a in asked])


@pytest.mark.slow
def test_textvqa_accuracy_equals_lmms_evals_processor() -> None:
    clean = loaded("tasks/_task_utils/vqa_eval_metric.py").EvalAIAnswerProcessor()
    rng = np.random.default_rng(21)
    asked = []
    for said, known in cases(answers=4):
        ten = [known[int(rng.integers(len(known)))] for _ in range(10)]
        asked.append((said if rng.random() < 0.5 else re.sub(r"\s", " ", str(rng.choice(ten))).upper(), ten))
    expected = []
    for said, ten in asked:
        answers, answer = [clean(each) for each in ten], clean(said)
        left = [[other for j, other in enumerate(answers) if j != i] for i in range(10)]
        expected.append(sum(min(1.0, others.count(answer) / 3) for others in left) / 10)
    compare("TextVQA accuracy, lmms-eval's EvalAI", scores_of(textvqa_accuracy, asked), expected)
