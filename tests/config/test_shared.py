"""Checks of transfers that several benchmarks share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import transfer_of
from pali3kit.config.load import load
from pali3kit.errors import ConfigError

KEY = "stages.transfer.benchmarks"


def test_a_benchmark_is_measured_on_the_transfer_that_has_it(trial: Path) -> None:
    section = load("x.yaml", ["evaluate=[vqav2, okvqa]", f"{KEY}.vqav2.mixture={{vqav2: 3, okvqa: 1}}"]).stages.transfer
    named = {name: transfer_of(section, BENCHMARK.find(name)) for name in ("vqav2", "okvqa", "coco", "refcocog")}
    assert named == {"vqav2": "vqav2", "okvqa": "vqav2", "coco": "coco", "refcocog": "refcoco"}


@pytest.mark.parametrize(
    ("mixture", "told"),
    [
        ("vqav2.mixture={okvqa: 1}", "vqav2.mixture should have a weight for 'vqav2' itself."),
        ("vqav2.mixture={vqav2: 1, okvq: 1}", "no benchmark 'okvq' has a transfer. Did you mean 'okvqa'?"),
        ("vqav2.mixture={vqav2: 1, refcocog: 1}", "vqav2.mixture: no benchmark 'refcocog' has a transfer."),
        ("vqav2.mixture={vqav2: 1, miap: 1}", "vqav2.mixture: no benchmark 'miap' has a transfer."),
        ("miap.mixture={vqav2: 1, miap: 1}", "'miap' shares the transfer of 'vqav2': set that one instead."),
        ("vqav2.mixture={vqav2: 1, okvqa: 0}", "vqav2.mixture: the weight of okvqa should be above 0, not 0.0."),
        ("vqav2.mixture={vqav2: 1, docvqa: 1}", "vqav2.mixture: source 'world' of 'vqav2' has no task for 'docvqa'."),
    ],
)  # fmt: skip
def test_a_mixture_that_cannot_be_learnt_is_refused(trial: Path, mixture: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", ["model.image_size=128", "evaluate=[vqav2, okvqa]", f"{KEY}.{mixture}"])
    assert told in str(caught.value)


def test_a_benchmark_is_in_one_mixture(trial: Path) -> None:
    both = [f"{KEY}.vqav2.mixture={{vqav2: 1, okvqa: 1}}", f"{KEY}.coco.mixture={{coco: 1, okvqa: 1}}"]
    with pytest.raises(ConfigError, match="'okvqa' shares the transfer of 'vqav2' already"):
        load("x.yaml", ["evaluate=[vqav2]", *both])


def test_prompts_of_a_transfer_are_alike(trial: Path) -> None:
    overrides = ["model.image_size=128", "evaluate=[docvqa]", "data.ocr.words=published"]
    with pytest.raises(ConfigError, match="prompts of 'docvqa' have words of OCR and the others have none"):
        load("x.yaml", [*overrides, f"{KEY}.docvqa.mixture={{docvqa: 1, tallyqa: 1}}"])


def test_a_transfer_that_nothing_is_measured_on_may_be_of_any(trial: Path) -> None:
    load("x.yaml", ["evaluate=[coco]", f"{KEY}.docvqa.mixture={{docvqa: 1, infovqa: 1}}"])


def test_sets_in_files_are_not_shared(tables_data: Path, trial: Path) -> None:
    overrides = [f"data.root={tables_data}/data", "evaluate=[docvqa, infovqa]"]
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", [*overrides, f"{KEY}.docvqa.mixture={{docvqa: 1, infovqa: 1}}"])
    [told] = [str(problem) for problem in caught.value.problems]
    assert told.endswith(
        "data.benchmarks: 'infovqa' shares the transfer of 'docvqa': set that one instead."
        " Without stages.transfer.benchmarks.docvqa.mixture each has its own."
    )
