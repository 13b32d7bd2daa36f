"""Titles of columns, and the scores that two columns draw from one artifact."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.benchmarks.benchmark import Column as BenchmarkColumn
from pali3kit.catalogue import BENCHMARK
from pali3kit.errors import RegistryError
from pali3kit.evals.scores import EvalResult
from pali3kit.report.columns import EvaluationSets, columns_of, has_column, score_of
from pali3kit.report.paper import PaperTable

EVALUATED = [
    "probe",
    "coco",
    "xm3600",
    "vqav2",
    "okvqa",
    "textvqa",
    "refcoco",
    "refcoco_plus",
    "refcocog",
]


def test_the_columns_are_those_of_the_paper_in_its_order():
    keys = [column.key for source in EVALUATED for column in columns_of(source)]
    assert keys == list(PaperTable.load("table1").columns)


def test_no_title_claims_to_be_a_set_of_the_paper():
    columns = [column for source in EVALUATED for column in columns_of(source)]
    assert columns[0].title == "Probe (8 embedded tasks)"
    assert all(column.name.startswith("embedded/") for column in columns)
    assert [column.title for column in columns[1:4]] == [
        "embedded/coco", "embedded/xm3600 (en)", "embedded/xm3600 (avg-35)",
    ]  # fmt: skip
    assert all(column.title.startswith("embedded/") for column in columns[1:])


def test_an_unknown_benchmark_has_no_columns():
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'textvq'\. Did you mean 'textvqa'\?$"):
        columns_of("textvq")


def test_a_plug_ins_benchmark_is_titled_as_it_says(add_benchmark):
    add_benchmark("my_column", columns=(BenchmarkColumn(title="Mine"),), unit="ANLS")
    (column,) = columns_of("my_column")
    assert (column.name, column.title, column.metric, column.source) == (
        "embedded/my_column",
        "Mine, embedded",
        "ANLS",
        "my_column",
    )


def test_other_data_is_titled_by_its_source():
    labels = {"xm3600": "coco/xm3600", "refcoco": "refs/refcoco"}
    labels |= {"probe": "probe", "retrieval": "retrieval"}
    own = EvaluationSets(labels=labels, labelled="imagenet", captioned="mine", probes=3)
    assert [column.title for column in columns_of("xm3600", own)] == [
        "coco/xm3600 (en)", "coco/xm3600 (avg-35)",
    ]  # fmt: skip
    assert columns_of("refcoco", own)[0].metric == "mIoU × 100"
    assert columns_of("probe", own)[0].title == "Probe (3 tasks)"
    assert [column.title for column in columns_of("finetune", own)] == [
        "ImageNet (fine-tuned)", "ReaL (fine-tuned)", "ImageNet-v2 (fine-tuned)",
    ]  # fmt: skip
    assert [column.title for column in columns_of("retrieval", own)] == ["mine (image to text)", "mine (text to image)"]


def test_multilingual_captions_are_split_by_language():
    english, others = columns_of("xm3600")
    """An image's captions in other languages stand and fall together: they are one sample."""
    metrics = {"value": 30.0, "extra": {"en": 50.0, "avg35": 25.0}, "samples": [40.0, 60.0, 20.0, 10.0, 40.0, 30.0]}
    told = (("en", 0), ("en", 1), ("de", 0), ("de", 1), ("quz", 0), ("quz", 1))
    rows = [{"language": language, "image": image} for language, image in told]
    assert score_of(english, metrics, rows).value == 50.0
    assert score_of(english, metrics, rows).samples == (40.0, 60.0)
    assert score_of(others, metrics, rows).value == 25.0
    assert score_of(others, metrics, rows).samples == (30.0, 20.0)


def test_samples_without_their_predictions_are_not_guessed():
    english, _ = columns_of("xm3600")
    metrics = {"value": 30.0, "extra": {"en": 50.0, "avg35": 25.0}, "samples": [40.0, 60.0]}
    assert score_of(english, metrics, [{"language": "en"}]).samples == ()


def test_a_loss_is_no_score():
    (column,) = columns_of("denoising")
    assert (column.title, column.metric) == ("Held-out loss (less is better), embedded", "nats per token")
    assert column.benchmark.lower_is_better and column.benchmark.digits == 3
    others = [other.benchmark for source in EVALUATED for other in columns_of(source)]
    assert not any(other.lower_is_better for other in others) and {other.digits for other in others} == {1}


def test_a_plug_in_s_title_says_what_stands_in_for_its_set(add_benchmark):
    add_benchmark("strict", columns=(BenchmarkColumn(title="Strict VQA"),))
    titles = [
        columns_of("strict", sets)[0].title
        for sets in (EvaluationSets(), EvaluationSets(labels={"strict": "mine/strict"}))
    ]
    assert titles == ["Strict VQA, embedded", "Strict VQA, mine"]


def test_the_public_data_set_alone_is_called_by_its_title():
    titles = {"coco": "COCO (Karpathy test)", "xm3600": "XM3600"}
    public = EvaluationSets(labels={each.name: each.name for each in BENCHMARK.all()}, titles=titles)
    assert columns_of("vqav2", public)[0].title == "vqav2", "read by another component"
    (caption,) = columns_of("coco", public)
    assert (caption.name, caption.title, caption.key) == ("coco", "COCO (Karpathy test)", "coco")
    assert [(one.name, one.title) for one in columns_of("xm3600", public)] == [
        ("xm3600.en", "XM3600 (en)"), ("xm3600.avg35", "XM3600 (avg-35)"),
    ]  # fmt: skip


def test_a_column_of_a_language_that_is_not_there_is_not_measured():
    english, others = columns_of("xm3600")
    metrics = {"value": 3.0, "n": 2, "samples": [1.0, 5.0], "extra": {"en": 3.0, "languages": {"en": 3.0}}}
    assert has_column(english, metrics) and not has_column(others, metrics)
    (caption,) = columns_of("coco")
    assert has_column(caption, {"value": 3.0})
    first, real, _ = columns_of("knn")
    assert has_column(first, {"columns": {"top1": {}}}) and not has_column(real, {"columns": {"top1": {}}})


def test_a_group_of_questions_has_its_samples_alone() -> None:
    whole, human, augmented = columns_of("chartqa")
    metrics = {"value": 75.0, "samples": [100.0, 0.0, 100.0], "extra": {"human": 50.0, "augmented": 100.0}}
    rows: Any = [{"group": "human"}, {"group": "human"}, {"group": "augmented"}]
    assert score_of(whole, metrics, rows).n == 3  # type: ignore[arg-type]
    for column, value, samples in ((human, 50.0, (100.0, 0.0)), (augmented, 100.0, (100.0,))):
        assert score_of(column, metrics, rows) == EvalResult(value, samples)  # type: ignore[arg-type]
