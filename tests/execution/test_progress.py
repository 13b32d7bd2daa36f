from __future__ import annotations

import io

import pytest
from fakes import Loose
from rich.console import Console

from pali3kit.execution import progress
from pali3kit.execution.progress import Display, _as_text
from pali3kit.plan.step import Step

STEP = Step("mask_tokenizer", "masks [x]", Loose({}))


def shown(tmp_path, terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    with Display(console, tmp_path / "log.txt", {STEP.digest: 2.0}) as display:
        display.started(STEP)
        for done in range(5):
            display.progressed(STEP, done, 10, {"loss": 0.5})
        display.finished(STEP, 1.23, {"loss": 0.25}, tmp_path)
        display.say("the end")
    return console.file.getvalue()


def test_lines_where_there_is_no_terminal(tmp_path, monkeypatch):
    text = shown(tmp_path, terminal=False)
    assert text.splitlines() == [f"[1/1] masks [x]  1.2 s  loss 0.25  {tmp_path}", "the end"]
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    assert "masks [x]: 4/10 loss 0.5" in shown(tmp_path, terminal=False)


def test_bars_on_a_terminal(tmp_path):
    text = shown(tmp_path, terminal=True)
    assert "all stages" in text and "loss 0.25" in text


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    text = shown(tmp_path, terminal=True)
    assert text.splitlines() == [f"[1/1] masks [x]  1.2 s  loss 0.25  {tmp_path}", "the end"]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_narrow_terminal_does_not_stop_a_run(tmp_path, terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=1)
    with Display(console, tmp_path / "log.txt", {STEP.digest: 2.0}) as display:
        display.started(STEP)
        display.progressed(STEP, 1, 10, {"loss": 0.5})
        display.finished(STEP, 1.23, {"loss": 0.25}, tmp_path)
    assert "[1/1] masks [x]" in console.file.getvalue()


def test_the_log_has_everything(tmp_path):
    shown(tmp_path, terminal=False)
    lines = [line[20:] for line in (tmp_path / "log.txt").read_text().splitlines()]
    assert lines[0] == f"started masks [x] ({STEP.name})"
    assert lines[-1] == "the end" and len(lines) == 3


@pytest.mark.parametrize("terminal", [False, True])
def test_a_failure_says_where_to_look(tmp_path, terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    (tmp_path / "work").mkdir()
    with Display(console, tmp_path / "log.txt", {STEP.digest: 2.0}) as display:
        display.started(STEP)
        display.failed(STEP, "told to", tmp_path / "work")
    assert "FAILED masks [x]: told to  (details: " in console.file.getvalue()


def test_a_log_that_cannot_be_written_does_not_end_the_run(tmp_path):
    (tmp_path / "file").touch()
    Display(Console(file=io.StringIO()), tmp_path / "file" / "log.txt", {}).write_log("lost")


def test_numbers_are_brief():
    assert _as_text({"loss": 0.123456, "n": 500.0}) == "loss 0.1235 n 500"


def test_an_evaluation_shows_its_value_and_what_could_not_be_used(tmp_path):
    """In a run and in `step` alike."""
    console = Console(file=io.StringIO(), width=200)
    (tmp_path / "metrics.json").write_text('{"value": 12.5, "n": 16, "samples": []}')
    (tmp_path / "skipped.txt").write_text("image 3: truncated\nimage 5: truncated\n")
    with Display(console, tmp_path / "log.txt", {STEP.digest: 2.0}) as display:
        display.started(STEP)
        display.finished(STEP, 1.23, {}, tmp_path)
    said = console.file.getvalue()
    assert "[1/1] masks [x]  1.2 s  value 12.5 n 16  " in said
    assert f"masks [x]: 2 samples or files could not be used, or only partly: {tmp_path}/skipped.txt" in said
