"""Titles of columns, and the scores that two columns draw from one artifact."""

from __future__ import annotations

import pytest

from pali3kit.benchmarks.benchmark import Column as BenchmarkColumn
from pali3kit.catalogue import BENCHMARK
from pali3kit.errors import RegistryError
from pali3kit.report.columns import Sets, columns_of, measures, score_of
from pali3kit.report.paper import PaperTable

EVALUATED = [
    "probe",
    "caption",
    "caption_multilingual",
    "vqa",
    "vqa_knowledge",
    "vqa_text",
    "refer",
    "refer_plus",
    "refer_g",
]


def test_the_columns_are_those_of_the_paper_in_its_order():
    keys = [column.key for source in EVALUATED for column in columns_of(source)]
    assert keys == list(PaperTable.load("table1").columns)


def test_no_title_claims_to_be_a_set_of_the_paper():
    columns = [column for source in EVALUATED for column in columns_of(source)]
    assert columns[0].title == "Probe (8 embedded tasks)"
    assert all(column.name.startswith("embedded/") for column in columns)
    assert [column.title for column in columns[1:4]] == [
        "embedded/caption", "embedded/caption_multilingual (en)", "embedded/caption_multilingual (avg-35)",
    ]  # fmt: skip
    assert all(column.title.startswith("embedded/") for column in columns[1:])


def test_an_unknown_benchmark_has_no_columns():
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'vqa_txt'\. Did you mean 'vqa_text'\?$"):
        columns_of("vqa_txt")


def test_a_plug_ins_benchmark_is_titled_as_it_says(add_benchmark):
    add_benchmark("my_column", columns=(BenchmarkColumn(title="Mine"),), unit="ANLS")
    (column,) = columns_of("my_column")
    assert (column.name, column.title, column.metric, column.source) == (
        "embedded/my_column",
        "embedded/Mine",
        "ANLS",
        "my_column",
    )


def test_other_data_is_titled_by_its_source():
    labels = {"caption_multilingual": "coco/caption_multilingual", "refer": "refs/refer"}
    own = Sets(labels={**labels, "probe": "probe", "retrieval": "retrieval"}, labelled="imagenet", captioned="mine",
               probes=3)  # fmt: skip
    assert [column.title for column in columns_of("caption_multilingual", own)] == [
        "coco/caption_multilingual (en)", "coco/caption_multilingual (avg-35)",
    ]  # fmt: skip
    assert columns_of("refer", own)[0].metric == "mIoU × 100"
    assert columns_of("probe", own)[0].title == "Probe (3 tasks)"
    assert [column.title for column in columns_of("finetune", own)] == [
        "ImageNet (fine-tuned)", "ReaL (fine-tuned)", "ImageNet-v2 (fine-tuned)",
    ]  # fmt: skip
    assert [column.title for column in columns_of("retrieval", own)] == ["mine (image to text)", "mine (text to image)"]


def test_multilingual_captions_are_split_by_language():
    english, others = columns_of("caption_multilingual")
    """A picture's captions in other languages stand and fall together: they are one sample."""
    metrics = {"value": 30.0, "extra": {"en": 50.0, "avg35": 25.0}, "samples": [40.0, 60.0, 20.0, 10.0, 40.0, 30.0]}
    told = (("en", 0), ("en", 1), ("de", 0), ("de", 1), ("quz", 0), ("quz", 1))
    rows = [{"language": language, "image": image} for language, image in told]
    assert score_of(english, metrics, rows).value == 50.0
    assert score_of(english, metrics, rows).samples == (40.0, 60.0)
    assert score_of(others, metrics, rows).value == 25.0
    assert score_of(others, metrics, rows).samples == (30.0, 20.0)


def test_samples_without_their_predictions_are_not_guessed():
    english, _ = columns_of("caption_multilingual")
    metrics = {"value": 30.0, "extra": {"en": 50.0, "avg35": 25.0}, "samples": [40.0, 60.0]}
    assert score_of(english, metrics, [{"language": "en"}]).samples == ()


def test_a_loss_is_no_score():
    (column,) = columns_of("denoising")
    assert (column.title, column.metric) == ("embedded/Held-out loss (less is better)", "nats per token")
    assert column.benchmark.lower_is_better and column.benchmark.digits == 3
    others = [other.benchmark for source in EVALUATED for other in columns_of(source)]
    assert not any(other.lower_is_better for other in others) and {other.digits for other in others} == {1}


def test_a_plug_in_s_title_says_what_stands_in_for_its_set(add_benchmark):
    add_benchmark("strict", columns=(BenchmarkColumn(title="Strict VQA"),))
    titles = [columns_of("strict", sets)[0].title for sets in (Sets(), Sets(labels={"strict": "mine/strict"}))]
    assert titles == ["embedded/Strict VQA", "mine/Strict VQA"]


def test_the_public_data_set_alone_is_called_by_its_title():
    titles = {"caption": "COCO (Karpathy test)", "caption_multilingual": "XM3600"}
    public = Sets(labels={each.name: each.name for each in BENCHMARK.all()}, titles=titles)
    assert columns_of("vqa", public)[0].title == "vqa", "read by another component"
    (caption,) = columns_of("caption", public)
    assert (caption.name, caption.title, caption.key) == ("caption", "COCO (Karpathy test)", "caption")
    assert [(one.name, one.title) for one in columns_of("caption_multilingual", public)] == [
        ("caption_multilingual.en", "XM3600 (en)"), ("caption_multilingual.avg35", "XM3600 (avg-35)"),
    ]  # fmt: skip


def test_a_column_of_a_language_that_is_not_there_is_not_measured():
    english, others = columns_of("caption_multilingual")
    metrics = {"value": 3.0, "n": 2, "samples": [1.0, 5.0], "extra": {"en": 3.0, "languages": {"en": 3.0}}}
    assert measures(english, metrics) and not measures(others, metrics)
    (caption,) = columns_of("caption")
    assert measures(caption, {"value": 3.0})
    first, real, _ = columns_of("knn")
    assert measures(first, {"columns": {"top1": {}}}) and not measures(real, {"columns": {"top1": {}}})
