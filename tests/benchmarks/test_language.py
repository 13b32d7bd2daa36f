"""The loss of the language model alone."""

from __future__ import annotations

from pali3kit.benchmarks.language import DENOISING
from pali3kit.catalogue import BENCHMARK, STAGE


def test_less_is_better_and_three_decimals_tell() -> None:
    assert DENOISING.lower_is_better and DENOISING.digits == 3
    assert [each for each in BENCHMARK.all() if each.lower_is_better and each.scored == "loss"] == [DENOISING]


def test_no_answer_is_generated_and_no_image_is_seen() -> None:
    assert not DENOISING.generated and DENOISING.scored == "loss" and DENOISING.sets == ()


def test_its_stage_is_called_as_it_is() -> None:
    assert BENCHMARK.find("denoising") is DENOISING and DENOISING.kind == DENOISING.name
    assert not STAGE.find(DENOISING.kind).seeded, "held-out text is one test"
