"""The examples of the gallery: the same ones for every row, spread over the test set."""

from __future__ import annotations

import json
from dataclasses import replace

from PIL import Image

from pali3kit.config.load import load
from pali3kit.config.written import written
from pali3kit.plan.graph import build
from pali3kit.registry import SOURCE
from pali3kit.report.arms import arms_of
from pali3kit.report.collect import _sets_of
from pali3kit.report.html import _draw_images
from pali3kit.report.samples import COUNT, choose_examples


def of(report, column):
    return [example for example in report.gallery if example.benchmark.name == column]


def test_every_column_but_the_probe_shows_a_few_spread_examples(report):
    names = ["coco", "xm3600", "vqav2", "okvqa", "textvqa", "refcoco", "refcoco_plus", "refcocog"]
    assert {example.column for example in report.gallery} == {f"doodles/{name}" for name in names}
    assert [example.images[0] for example in of(report, "vqav2")] == [5, 15, 25, 35]
    assert len(of(report, "vqav2")) == COUNT and {example.size for example in report.gallery} == {64}


def test_all_rows_answer_the_same_examples(report):
    for example in of(report, "vqav2"):
        assert [answer.label for answer in example.answers] == ["Classif", "SigLIP", "Random"]
        assert [answer.text.split()[0] for answer in example.answers] == ["classif", "siglip", "random"]


def test_answers_have_no_say_in_which_examples_are_shown(made_up):
    """Other scores and texts of one row: the same images and prompts."""
    run = made_up(["coco", "textvqa"])
    before = run.report().gallery
    for step in run.graph.steps:
        if step.kind == "evaluate" and step.label.endswith("siglip"):
            rows = map(json.loads, (run.store.path(step) / "predictions.jsonl").read_text().splitlines())
            better = [{**row, "score": 100.0 - row["image"], "prediction": f"word {row['image']}"} for row in rows]
            run.rewrite(step, "predictions.jsonl", "\n".join(map(json.dumps, better)))
    after = run.report().gallery
    assert [(one.column, one.images, one.prompt) for one in after] == [
        (one.column, one.images, one.prompt) for one in before
    ]
    assert [one.answers for one in after] != [one.answers for one in before]


def test_a_failed_row_does_not_hide_the_answers_of_the_others(report):
    assert [answer.label for answer in of(report, "okvqa")[0].answers] == ["Classif", "Random"]


def test_regions_are_those_of_the_predictions(report):
    example = of(report, "refcoco")[0]
    x0 = 8 + example.images[0] % 20
    assert example.region.box == (10, x0, 30, x0 + 22)
    assert example.answers[1].region.box == (12, x0 + 3, 28, x0 + 21)
    assert example.answers[1].region.runs[0] == (12, x0 + 3, 18)
    assert [answer.region for answer in of(report, "refcoco")[3].answers] == [None] * 3


def test_references_are_listed_once_the_most_frequent_first(made_up):
    run = made_up(["textvqa"])
    for step in run.graph.steps:
        if step.kind == "evaluate":
            before = (run.store.path(step) / "predictions.jsonl").read_text()
            text = before.replace('["a red square", "una plaza roja"]', '["sun", "moon", "moon"]')
            run.rewrite(step, "predictions.jsonl", text)
    assert run.report().gallery[0].references == ("moon", "sun")


def test_rows_of_several_numbers_of_frames_show_the_most_frames_of_the_same_videos(tmp_path):
    """Images of video v are numbered from v x frames; whoever reads one frame answers about the same videos."""

    class Answers:
        most = 4

        def folder(self, step):
            return tmp_path if step.plain["source"]["frames"] <= self.most else None

        def predictions(self, step):
            frames = step.plain["source"]["frames"]
            for video in range(8):
                numbers = list(range(video * frames, (video + 1) * frames))
                images = {"image": numbers[0]} if frames == 1 else {"images": numbers}
                yield {**images, "prompt": "what happens?", "prediction": f"{frames} frames of {video}", "score": 1.0}

    experiment = load("experiments/table5.yaml", ["grid.pretrain=[siglip]", "grid.data.frames=[1,4]"])
    arms, transfer = arms_of(build(experiment), experiment), experiment.stages.transfer
    answers = Answers()
    examples = list(choose_examples(arms, answers, _sets_of(arms, experiment), transfer))
    assert [example.images for example in examples] == 2 * [tuple(range(4 * v, 4 * v + 4)) for v in (1, 3, 5, 7)]
    assert {(example.frames, example.source) for example in examples} == {(4, "msrvtt_qa")}  # it is shared
    assert [answer.text for answer in examples[0].answers] == ["1 frames of 1", "4 frames of 1"]
    answers.most = 1  # the row of four frames failed
    [one, *_] = choose_examples(arms, answers, _sets_of(arms, experiment), transfer)
    assert (one.images, one.frames) == ((1,), 1)


def test_frames_on_the_page_are_those_that_were_read(made_up):
    """`data.frames` of an experiment, not the default of its source."""
    experiment = load("experiments/table5.yaml", ["grid={}", "baseline={}", "pretrain=siglip", "data.frames=3"])
    report = replace(made_up(["textvqa"]).report(), config={"data": written(experiment.data)})
    video = replace(of(report, "textvqa")[0], images=(3, 4, 5), source="msrvtt_qa", frames=3)
    drawn = _draw_images(replace(report, gallery=(video,)))
    clips = SOURCE.build("clips", image_size=64, frames=3)
    assert [(drawn["msrvtt_qa", n, 64] == Image.fromarray(clips.image("test", n))) for n in (3, 4, 5)] == [True] * 3
    other = SOURCE.build("clips", image_size=64)
    assert drawn["msrvtt_qa", 4, 64] != Image.fromarray(other.image("test", 4))
