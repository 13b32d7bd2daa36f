"""What benchmarks are measured on without a `data.root` where the embedded world has no task for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import tasks_of
from pali3kit.config.component import Component
from pali3kit.config.load import load
from pali3kit.config.root import benchmark_label, source_of, task_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError
from pali3kit.plan.graph import build

TABLE_2 = [
    "textcaps",
    "textvqa",
    "stvqa",
    "ocrvqa",
    "infovqa",
    "docvqa",
    "ai2d",
    "chartqa",
    "screen2words",
    "widgetcap",
]
SHARED = "stages.transfer.benchmarks.docvqa={mixture: {docvqa: 2, infovqa: 1}}"


def loaded(*overrides: str) -> Experiment:
    return load("x.yaml", ["model.image_size=128", "grid={}", "baseline={}", "pretrain=siglip", *overrides])


def test_a_task_that_the_world_lacks_is_drawn_on_pages(trial: Path) -> None:
    experiment = loaded(f"evaluate={json.dumps([*TABLE_2, 'coco', 'tallyqa'])}")
    for name in experiment.evaluate:
        benchmark = BENCHMARK.find(name)
        own, task = source_of(experiment, benchmark), task_of(experiment, benchmark)
        assert benchmark_label(experiment, benchmark) == f"embedded/{name}"
        if benchmark.task:
            assert own is None and task == benchmark.task
        else:
            assert own is not None and own.name == "pages" and own.options["only"] == [task.partition(".")[0]]
            assert task in (tasks_of(own) or ())


def test_transfers_and_evaluations_are_of_their_tasks(trial: Path) -> None:
    steps = build(loaded("evaluate=[docvqa, tallyqa]")).steps
    assert {step.label for step in steps if step.kind in ("transfer", "features", "evaluate")} == {
        "features/docvqa.train", "transfer/embedded/docvqa", "features/docvqa.test", "evaluate/embedded/docvqa",
        "features/tallyqa.train", "transfer/embedded/tallyqa", "features/tallyqa.test", "evaluate/embedded/tallyqa",
        "features/train",
    }  # fmt: skip
    [test] = [step for step in steps if step.label == "features/docvqa.test"]
    assert test.plain["count"] == 8, "data.test: pages have no end"


def test_a_shared_transfer_has_one_source_with_the_pages_of_all(trial: Path) -> None:
    experiment = loaded("evaluate=[infovqa, docvqa]", SHARED)
    assert list(experiment.data.benchmarks) == ["docvqa"]
    assert experiment.data.benchmarks["docvqa"].options["only"] == ["document", "poster"]
    steps = build(experiment).steps
    [transfer] = [step for step in steps if step.kind == "transfer"]
    assert transfer.plain["mixture"] == {"document.vqa": 2.0, "poster.vqa": 1.0}
    evaluations = [step for step in steps if step.kind == "evaluate"]
    assert {step.parents["model"].digest for step in evaluations} == {transfer.digest}
    assert len({step.parents["features"].digest for step in evaluations}) == 1


def test_own_settings_are_laid_over_it(trial: Path) -> None:
    assert loaded("evaluate=[docvqa]", "data.benchmarks.docvqa.seed=3").data.benchmarks["docvqa"].options["seed"] == 3
    asked = {"image": "a.png", "caption": "a dog", "questions": [{"question": "what?", "answers": ["a dog"]}]}
    (trial / "a.jsonl").write_text(2 * (json.dumps(asked) + "\n"))
    own = "data.source={name: records, path: a.jsonl, test: a.jsonl}"
    few = ("stages.multimodal.mixture={splitcap: 1, ocr: 0}", "data.train=2", "data.test=2")
    experiment = loaded("evaluate=[docvqa]", own, "data.tasks={docvqa: vqa}", *few)
    assert experiment.data.benchmarks == {} and task_of(experiment, BENCHMARK.find("docvqa")) == "vqa"


def test_pages_may_be_the_source_of_all(trial: Path) -> None:
    experiment = loaded("evaluate=[docvqa]", "data.source=pages", "stages.multimodal.mixture={ocr: 1, sign.vqa: 2}")
    assert experiment.data.benchmarks == {} and task_of(experiment, BENCHMARK.find("docvqa")) == "document.vqa"
    assert benchmark_label(experiment, BENCHMARK.find("docvqa")) == "embedded/docvqa"


def test_parts_that_are_left_out_have_no_tasks() -> None:
    tasks = tasks_of(Component(name="pages", options={"only": ["chart"]})) or ()
    assert "chart.vqa" in tasks and "ocr" in tasks and "document.vqa" not in tasks


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["evaluate=[docvqa]", "data.source={name: pages, only: [chart]}", "stages.multimodal.mixture={ocr: 1}"],
         "source 'pages' has no task 'document.vqa' for benchmark 'docvqa'."),
        (["evaluate=[docvqa]", "data.benchmarks.docvqa={name: world}"],
         "data.benchmarks.docvqa cannot be 'world': take a source of images in files, or leave it out."),
        (["evaluate=[docvqa]", "data.source={name: union, parts: {a: {name: pages}}}"],
         "part 'a' of the union cannot be 'pages', whose images are drawn without an end"),
        (["evaluate=[docvqa]", "data.benchmarks.docvqa.ocr_errors=2"], "should be between 0 and 1, not 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(trial: Path, overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(*overrides)
    assert told in str(caught.value)
