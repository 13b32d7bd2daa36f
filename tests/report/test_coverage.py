"""Which stages intervals over seeds do not cover, by the steps that seeds share."""

from __future__ import annotations

import json

import pytest
from planned import changed

from pali3kit.plan.graph import build
from pali3kit.report.arms import arms_of
from pali3kit.report.coverage import identical, uncovered
from pali3kit.report.markdown import to_markdown
from pali3kit.report.write import write_report

FIXED = {"stages.vision.seed": 0, "stages.language.seed": 0, "stages.mask_tokenizer.seed": 0}
NOTE = (
    "Seeds vary multimodal (stage 1), transfer (stage 3) and probe; vision (stage 0a), language (stage 0b) and "
    "mask_tokenizer (stage 0c) are of seed 0 in all: the intervals do not cover their noise."
)


@pytest.fixture
def told(made_up):
    """The sentences for a made-up experiment of two seeds, with other values at dotted keys."""

    def tell(**changes):
        experiment = changed(made_up(["probe"]).experiment, {"seeds": [3, 4], **changes})
        return list(uncovered(arms_of(build(experiment), experiment)))

    return tell


def test_rows_of_one_model_are_named(made_up):
    """SigLIP has no classifier, whose loss the grid changes: two equal rows would look like a finding."""

    def told(pretrain):
        grid = {"pretrain": pretrain, "stages.vision.loss": ["sigmoid", "softmax"]}
        experiment = changed(made_up(["probe"]).experiment, {"seeds": [3, 4], "grid": grid})
        return list(identical(arms_of(build(experiment), experiment)))

    assert told(["classif"]) == []
    assert told(["classif", "siglip"]) == [
        "SigLIP, loss sigmoid; SigLIP, loss softmax: one model, as none of its stages reads the settings that tell "
        "these rows apart."
    ]


def test_where_nothing_is_fixed_nothing_is_said(told):
    """Tokenizer, corpus, features and evaluations draw nothing: sharing them hides no noise."""
    everything = ["probe", "coco", "refcoco", "denoising"]
    assert told(evaluate=everything) == []
    assert told(evaluate=everything, seeds=[3], **FIXED) == [], "one seed varies nothing"


def test_what_all_rows_share_is_said_once(told):
    assert told(evaluate=["probe", "coco", "refcoco"], **FIXED) == [NOTE]
    grid = {"pretrain": ["classif", "siglip", "random"]}
    assert told(evaluate=["probe", "coco", "refcoco"], grid=grid, **FIXED) == [NOTE]


def test_only_what_is_measured_counts(told):
    """Masks and language model are not part of a probe."""
    assert told(**FIXED) == [
        "Seeds vary probe; vision (stage 0a) is of seed 0 in all: the intervals do not cover its noise."
    ]
    assert told(evaluate=["knn"], **FIXED) == [
        "Seeds vary nothing; vision (stage 0a) is of seed 0 in all: the intervals do not cover its noise."
    ]


def test_each_fixed_stage_has_its_own_seed(told):
    seeds = {"stages.vision.seed": 7, "stages.mask_tokenizer.seed": 2}
    assert told(evaluate=["refcoco"], **seeds) == [
        "Seeds vary language (stage 0b), multimodal (stage 1) and transfer (stage 3); vision (stage 0a) is of seed 7, "
        "mask_tokenizer (stage 0c) is of seed 2 in all: the intervals do not cover their noise."
    ]


def test_rows_that_share_other_stages_are_told_apart(told):
    grid = {"stages.vision.seed": [0, 1, None]}
    assert told(grid=grid, baseline={}) == [
        f"vision seed {seed}: seeds vary probe; vision (stage 0a) is of seed {seed} in all: "
        "the intervals do not cover its noise."
        for seed in (0, 1)
    ]


def test_every_format_says_so(made_up, tmp_path):
    run = made_up(["probe", "coco", "refcoco"], seeds=[3, 4, 5])
    assert not any("do not cover" in note for note in run.report().notes)
    run.experiment = changed(run.experiment, FIXED)
    run.graph = build(run.experiment)
    report = run.report()
    write_report(report, tmp_path / "out", run.experiment, run.timings())
    assert NOTE in json.loads((tmp_path / "out" / "report.json").read_text())["notes"]
    assert NOTE in (tmp_path / "out" / "report.html").read_text()
    assert NOTE in to_markdown(report).replace("\\_", "_")
