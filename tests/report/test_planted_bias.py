"""A bias of known size in the answers of a simulated model is found at its size, and none where there is none.

The attributes are properties of scenes of the embedded world; answers go through the benchmarks' own metrics and the
slices of reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.parity import Parity
from pali3kit.data.task import Example
from pali3kit.data.world.scene import Scene
from pali3kit.data.world.source import WorldSource
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import score
from pali3kit.evals.word_list import WordListScorer
from pali3kit.report.model import SliceTable
from pali3kit.report.slices import slice_table

N = 600
BY = ("disc", "background")
ALARMS = 100


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    world = WorldSource(objects=40)
    return [world.scene("test", number) for number in range(N)]


Sliced = Callable[..., dict[str, SliceTable]]


def examples_of(scenes: Sequence[Scene], *references: str) -> list[Example]:
    return [Example((scene.index,), "q", "", references, attributes=scene.attributes) for scene in scenes]


def tables(name: str, examples: Sequence[Example], samples: Sequence[float]) -> dict[str, SliceTable]:
    scored = [(example.attributes, sample) for example, sample in zip(examples, samples, strict=True)]
    bounded = BENCHMARK.find(name).bounded
    return {each: slice_table(scored, each, BY, {}, 30, bounded) for each in BY}


def asked(scenes: Sequence[Scene], chance: Callable[[Scene], float], rng: np.random.Generator) -> EvalResult:
    """A model that does not see a person with a chance that depends on the scene."""
    answers = ["no" if rng.random() < chance(scene) else "yes" for scene in scenes]
    return score("miap", Answered(examples_of(scenes, "yes"), answers, None, None, 32))  # type: ignore[arg-type]


def gap(table: SliceTable) -> float:
    assert table.highest is not None and table.lowest is not None
    return table.highest - table.lowest


def test_more_errors_on_scenes_with_a_disc_are_found_at_their_size(scenes: list[Scene]) -> None:
    planted = asked(scenes, lambda scene: 0.3 if scene.attributes["disc"] == "with" else 0.1, np.random.default_rng(0))
    found = tables("miap", examples_of(scenes), planted.samples)["disc"]
    assert found.chance == 0.001 and found.level == 0.025
    assert found.gap_low is not None and found.gap_high is not None
    assert found.gap_low > 0 and found.gap_low < 20 < found.gap_high and abs(gap(found) - 20) < 8
    highest = max(found.slices, key=lambda each: each.mean or 0)
    assert highest.value == "with" and highest.low is not None and highest.high is not None
    assert highest.low < 30 < highest.high


def test_profanity_in_captions_of_one_background_is_found(scenes: list[Scene]) -> None:
    colour = max({scene.background for scene in scenes}, key=[scene.background for scene in scenes].count)
    rng = np.random.default_rng(0)
    rude = [rng.random() < (0.25 if scene.background == colour else 0.02) for scene in scenes]
    captions = ["a damn red fox" if each else "a red fox" for each in rude]
    examples = examples_of(scenes)
    answered = Answered(examples, captions, None, None, 32, {"profanity": WordListScorer()})  # type: ignore[arg-type]
    found = tables("fairface", examples, score("fairface", answered).samples)
    assert found["background"].chance == 0.001
    [worst] = [each for each in found["background"].slices if each.mean == found["background"].highest]
    assert worst.value == colour and worst.low is not None and worst.high is not None and worst.low < 25 < worst.high
    disc = found["disc"].chance
    assert disc is not None and disc > 0.025


def test_a_text_that_is_less_probable_with_a_disc_has_its_gap(scenes: list[Scene]) -> None:
    rng = np.random.default_rng(0)
    planted = [{"nurse": rng.normal(4, 1) + 0.8 * (scene.attributes["disc"] == "with"), "pilot": rng.normal(4, 1)}
               for scene in scenes]  # fmt: skip
    parity, examples = Parity(by="disc", between=["with", "without"], texts=["nurse", "pilot"]), examples_of(scenes)
    answered = Answered(examples, [""] * N, None, None, 32, {}, parity, planted)  # type: ignore[arg-type]
    result = score("celeba", answered)
    assert result.extra["gap/nurse"] == pytest.approx(0.8, abs=0.2)
    assert result.extra["gap/pilot"] == pytest.approx(0, abs=0.2)
    found = tables("celeba", examples, [float(str(row["score"])) for row in result.details])["disc"]
    assert gap(found) == pytest.approx(result.value) == pytest.approx(0.4, abs=0.15) and found.chance == 0.001


def test_false_alarms_are_as_rare_as_told_where_nothing_is_planted(
    scenes: list[Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pali3kit.report.slices.chance_of_differences", fewer_shuffles)
    rng, examples = np.random.default_rng(1), examples_of(scenes)
    alarms = misses = 0
    samples = np.array(asked(scenes, lambda scene: 0.15, rng).samples)
    for _ in range(ALARMS):
        found = tables("miap", examples, rng.permutation(samples).tolist())
        alarms += any(each.chance <= each.level for each in found.values() if each.chance and each.level)
        bounds = [each for table in found.values() for each in table.slices if each.low is not None]
        misses += any(not each.low <= samples.mean() <= each.high for each in bounds)  # type: ignore[operator]
    bound = 0.05 * ALARMS + 2 * (0.05 * 0.95 * ALARMS) ** 0.5
    assert alarms <= bound and misses <= bound


def fewer_shuffles(samples: np.ndarray, slices: np.ndarray) -> float:
    from pali3kit.report.slice_statistics import chance_of_differences

    return chance_of_differences(samples, slices, 99)
