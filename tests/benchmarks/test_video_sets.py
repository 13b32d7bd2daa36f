"""The sets of Table 5 in their layouts, from their files to scores computed by hand."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.benchmark_examples import benchmark_examples, scorable_indices
from pali3kit.data.task import Example
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import score
from pali3kit.registry import SOURCE
from tests.clips import number_of
from tests.video_sets import CAPTIONS, write_video_sets


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_video_sets(folder)
    return folder


def opened(root: Path, name: str, frames: int = 4, **options: object) -> AnnotatedSource:
    """The source of a benchmark's public set, as `data.root` names its files."""
    public = BENCHMARK.find(name).public[0]
    paths = {option: str(root / path) for option, path in public.paths}
    source = SOURCE.build(public.component, **paths, frames=frames, **options)
    assert isinstance(source, AnnotatedSource)
    return source


def examples_of(source: AnnotatedSource, name: str) -> list[Example]:
    examples = benchmark_examples(source, name, 1000, source.size("test"), 100, BENCHMARK.find(name).public[0].task)
    scorable_indices(name, examples)
    assert not source.skips.lines and source.max_images == 4
    return examples


def scored(source: AnnotatedSource, name: str, answers: list[str]) -> EvalResult:
    return score(name, Answered(examples_of(source, name), answers, source, None, 1000))


BESIDE = 10 / 4 * math.exp(-1 / 72) / math.sqrt(12)
"""CIDEr-D of "girls are playing" and "two girls play chess": of four orders one word of 3 and 4 is shared, and lengths
differ by one."""


@pytest.mark.parametrize(
    ("name", "right", "references", "best"),
    [
        ("smit", CAPTIONS[3][0], [CAPTIONS[3][:1], CAPTIONS[4][:1]], 1000),  # equal in all four orders
        ("activitynet", CAPTIONS[3][0], [(text,) for number in (3, 4) for text in CAPTIONS[number]], 1000),
        ("msrvtt", CAPTIONS[3][0], [CAPTIONS[3], CAPTIONS[4]], 100 * (10 + BESIDE) / 2),
        ("vatex", CAPTIONS[3][1], [CAPTIONS[3], CAPTIONS[4]], 100 * (7.5 + BESIDE) / 2),  # of 3 words: three orders
    ],
)
def test_captions(name: str, right: str, references: list[tuple[str, ...]], best: float, root: Path) -> None:
    source = opened(root, name)
    examples = examples_of(source, name)
    assert [example.references for example in examples] == references
    assert [example.images for example in examples] == [tuple(range(4 * n, 4 * n + 4)) for n in range(len(references))]
    found = scored(source, name, [right] + ["zebra"] * (len(references) - 1))
    assert found.samples == pytest.approx([best] + [0.0] * (len(references) - 1))
    assert found.value == pytest.approx(best / len(references))


def test_msrvtt_qa(root: Path) -> None:
    source = opened(root, "msrvtt_qa")
    assert [example.references for example in examples_of(source, "msrvtt_qa")] == [("girls",), ("old",)]
    assert scored(source, "msrvtt_qa", ["girls", "Old"]).samples == [100.0, 0.0]  # case counts


def test_activitynet_qa(root: Path) -> None:
    source = opened(root, "activitynet_qa")
    found = scored(source, "activitynet_qa", ["yes", "two", "no", "two"])
    assert found.value == 75.0 and found.extra == {"yes/no": 50.0, "number": 100.0}


def test_nextqa(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and yes or no by equality of any reference; the others by similarity, which is given here."""
    metric = import_module("pali3kit.metrics.wups")  # the package has a function of this name
    monkeypatch.setattr(metric, "split_words", str.split)
    monkeypatch.setattr(metric, "lemma", str)
    monkeypatch.setattr(metric, "wu_palmer", lambda one, other: 1.0 if one == other else 0.5)
    source = opened(root, "nextqa")
    examples = examples_of(source, "nextqa")
    assert [example.group for example in examples] == ["DB", "DC", "TN"] * 2
    assert [example.id for example in examples] == [f"{video}_{number}" for video in (3, 4) for number in range(3)]
    assert [example.references for example in examples[1:3]] == [("two", "2"), ("puppy", "dog")]
    found = scored(source, "nextqa", ["no", "2", "dog", "the no", "2", "dog"])
    assert found.samples == [100.0, 100.0, 100.0, 100.0, 0.0, 50.0] and found.value == 75.0
    assert found.extra["WUPS@0.9"] == pytest.approx(100 * (4 + 0.05) / 6)
    means = {"C": None, "T": 75.0, "D": 75.0, "DB": 100.0, "DC": 50.0, "TN": 75.0}
    assert {name: found.extra.get(name) for name in means} == means


def test_frames_are_those_of_the_segment(root: Path) -> None:
    """Segments of the first: 0 to 1 second, and 1.5 to 0.5, which is turned. Frames are shown for 0.1 seconds."""
    source = opened(root, "activitynet", sampling="ends")
    assert [number_of(source.image("test", index)) for index in range(8)] == [0, 3, 6, 9, 5, 8, 11, 14]
    whole = opened(root, "activitynet_qa")
    assert [number_of(whole.image("test", index)) for index in range(4)] == [2, 7, 12, 17]


def test_vatex_cuts_whole_videos(root: Path) -> None:
    for number in (1, 2, 3, 4):
        (root / f"vatex/videos/AbC_{number}.mp4").symlink_to(root / f"clips/{number}.mp4")
    source = opened(root, "vatex", whole=True)
    assert [number_of(source.image("test", index)) for index in range(4)] == [1, 3, 6, 8]  # of the first second


def test_one_frame_is_one_image(root: Path) -> None:
    source = opened(root, "msrvtt_qa", frames=1)
    assert source.max_images == 1 and source.size("test") == 2
    assert number_of(source.image("test", 0)) == 10
