"""Runs with failures, and concurrent runs."""

from __future__ import annotations

import time
from collections import Counter

import pytest


def test_a_failed_stage_blocks_only_what_needs_it(finished, bench):
    (bench.control / "fail-vision-siglip").touch()
    output = bench.run(code=1)
    assert "FAILED vision siglip: told to fail" in output
    assert "1 stage failed, 10 more depend on it" in output
    assert len(bench.artifacts()) == 15
    (work,) = (bench.root / "store" / "work").glob("vision-*[!s]/")
    assert "StageError: told to fail" in (work / "traceback.txt").read_text()
    assert "about to fail" in (work / "output.txt").read_text()
    assert "told to fail" in bench.report().decode()
    (bench.control / "fail-vision-siglip").unlink()
    bench.run()
    assert bench.report() == finished.report()
    assert not any("traceback" in path.name for path in (bench.root / "store").rglob("*"))


def test_a_killed_worker_is_a_failed_stage_and_the_others_go_on(bench):
    (bench.control / "die-vision-classif").touch()
    output = bench.run(code=1)
    assert "FAILED vision classif: its process was killed by SIGKILL: most often the system ran out of memory" in output
    assert len(bench.artifacts()) == 15


def test_a_stage_whose_lease_is_lost_is_waited_for(finished, bench):
    """Another launch makes it; its worker has ended, and the run is no failure."""
    (bench.control / "lose-vision-classif").touch()
    output = bench.run()
    assert "vision classif: another run is making it; waiting for its result" in output
    assert bench.report() == finished.report()


@pytest.mark.parametrize("lock", ["flock", "lease"])
def test_two_runs_at_once_never_make_a_stage_twice(lock, finished, bench):
    if lock == "lease":
        (bench.control / "no-flock").touch()
    for kind in ("tokenizer", "multimodal"):
        (bench.control / f"pause-{kind}").touch()
    first = bench.start()
    bench.wait_for("reached-tokenizer", first)
    second = bench.start()
    until = time.monotonic() + 120
    log = bench.root / "runs" / "fake" / "log.txt"
    while "another run is making it" not in log.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert any(bench.root.glob("store/work/tokenizer-*.lease")) == (lock == "lease")
    for kind in ("tokenizer", "multimodal"):
        (bench.control / f"pause-{kind}").unlink()
    for process in (first, second):
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    assert Counter(bench.started()).most_common(1)[0][1] == 1
    assert bench.report() == finished.report()
