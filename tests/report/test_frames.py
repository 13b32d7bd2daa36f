"""The note on frames of videos."""

from __future__ import annotations

from dataclasses import replace

from pali3kit.report.frames import frame_notes


def test_a_run_without_videos_has_no_note(made_up):
    assert list(frame_notes(made_up().report())) == []


def test_numbers_and_rules_are_told(made_up):
    report = made_up().report()
    clips = {"name": "clips", "frames": 16}
    benchmarks = {"msrvtt": clips, "vatex": {"name": "vatex", "frames": 8, "sampling": "ends"}, "msrvtt_qa": clips}
    config = {**report.config, "data": {**report.config["data"], "benchmarks": benchmarks}}
    assert list(frame_notes(replace(report, config=config))) == [
        "Frames of each video (msrvtt, msrvtt_qa): 16, by the rule 'middles'. PaLI-3's own rule is not known.",
        "Frames of each video (vatex): 8, by the rule 'ends'. PaLI-3's own rule is not known.",
    ]
    config["data"]["frames"] = 4
    assert "(msrvtt, msrvtt_qa): 4, by" in next(iter(frame_notes(replace(report, config=config))))
