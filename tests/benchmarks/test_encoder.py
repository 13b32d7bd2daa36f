"""What is measured on the image encoder alone."""

from __future__ import annotations

import pytest

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.benchmarks.encoder import FINETUNE, KNN, LINEAR, PROBE, RETRIEVAL, ZERO_SHOT, _top1_columns
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.schema import Evaluation
from pali3kit.report.paper import PaperTable

ALL = [FINETUNE, KNN, LINEAR, PROBE, RETRIEVAL, ZERO_SHOT]
CLASSIFIERS = [FINETUNE, KNN, LINEAR, ZERO_SHOT]


def test_they_are_all_that_is_measured_by_features() -> None:
    assert [each for each in BENCHMARK.all() if each.scored == "features"] == ALL


@pytest.mark.parametrize("benchmark", CLASSIFIERS, ids=lambda each: each.name)
def test_classifiers_are_measured_on_the_labels_on_real_and_on_v2(benchmark: Benchmark) -> None:
    name = benchmark.name
    assert benchmark.column_names == (f"{name}.top1", f"{name}.real", f"{name}.v2")
    assert benchmark.sets == ("labelled",)


def test_titles_say_the_set_and_the_way() -> None:
    titles = [column.title.format(labelled="ImageNet") for column in _top1_columns("linear")]
    assert titles == ["ImageNet (linear)"] * 3


def test_texts_are_read_by_two() -> None:
    assert [each for each in ALL if each.reads_texts] == [RETRIEVAL, ZERO_SHOT]


def test_a_training_of_its_own_has_fine_tuning() -> None:
    assert [(each.name, each.training_stage) for each in ALL if each.training_stage] == [("finetune", "finetune")]
    assert FINETUNE.kind == "classify"


@pytest.mark.parametrize(
    ("benchmark", "setting"),
    [
        (PROBE, "Probe: shots of each class: 10; random choices of them, over which it is the mean: 3."),
        (KNN, "Neighbours: 20, by cosine similarity."),
        (ZERO_SHOT, "Zero-shot: the set of prompts 'clip'."),
        (LINEAR, ""),
    ],
)
def test_what_a_report_says_of_how_it_was_measured(benchmark: Benchmark, setting: str) -> None:
    assert benchmark.setting.format(**vars(Evaluation())) == setting


def test_recall_is_drawn_by_language_both_ways() -> None:
    assert [(figure.kind, figure.prefix, figure.part) for figure in RETRIEVAL.charts] == [
        ("bars", "i2t@1/", "i2t"), ("bars", "t2i@1/", "t2i"),
    ]  # fmt: skip
    assert [figure.key for figure in PROBE.charts] == ["curve"]


def test_table_6_is_made_of_them() -> None:
    mine = {name for each in ALL for name in each.column_names}
    assert set(PaperTable.load("table6").columns) <= mine


@pytest.mark.parametrize("benchmark", [FINETUNE, KNN, LINEAR, PROBE], ids=lambda each: each.name)
def test_what_reads_no_text_costs_what_its_encoder_costs(benchmark: Benchmark) -> None:
    assert STAGE.find(benchmark.kind).encoder_alone
