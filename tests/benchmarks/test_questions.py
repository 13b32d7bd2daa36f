"""Questions: of what is seen, of what one must know, of what is written."""

from __future__ import annotations

import pytest

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.benchmarks.questions import OKVQA, TEXTVQA, VQAV2
from pali3kit.catalogue import BENCHMARK
from pali3kit.report.paper import PaperTable

ALL = [VQAV2, OKVQA, TEXTVQA]


def test_they_are_found_by_name() -> None:
    assert [BENCHMARK.find(name) for name in ("vqav2", "okvqa", "textvqa")] == ALL


@pytest.mark.parametrize("benchmark", ALL, ids=lambda each: each.name)
def test_answers_are_right_or_wrong_and_in_percent(benchmark: Benchmark) -> None:
    assert benchmark.generated and benchmark.right_or_wrong and benchmark.unit.endswith("%")


@pytest.mark.parametrize("benchmark", ALL, ids=lambda each: each.name)
def test_each_is_a_column_of_the_paper_with_a_transfer_of_its_own(benchmark: Benchmark) -> None:
    assert benchmark.transfer == benchmark.name
    assert benchmark.column_names == (benchmark.name,) and benchmark.name in PaperTable.load("table1").columns


def test_no_title_claims_to_be_the_papers_set() -> None:
    assert [column.title for each in ALL for column in each.columns] == ["{set}"] * 3
    assert [each.public[0].title for each in ALL] == ["VQAv2 ({test_split})", "OKVQA (val)", "TextVQA (val)"]
