"""The files that docs/benchmarks.md shows are read as it says, set by set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.experiments import shipped_experiments
from pali3kit.config.load import load
from pali3kit.config.root import source_of
from pali3kit.plan.plain import component_json
from pali3kit.training.components import build_source
from tests.clips import write_clip

PAGE = (Path(__file__).parents[1] / "docs/benchmarks.md").read_text(encoding="utf-8")
FILES = re.compile(r"^(`[^\n]+`):\n\n```(?:json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIRST = {
    "textvqa": ("what does the sign say?", "stop"),
    "textvqa_server": ("what does the sign say?", "stop"),
    "textcaps": ("A red sign says stop.", "A stop sign."),
    "stvqa": ("Where does it go?", "city"),
    "ocrvqa": ("Who wrote this book?", "C. Dee"),
    "infovqa": ("Which two fruits sell most?", "apple, pear"),
    "docvqa": ("What is the date?", "May 3"),
    "ai2d": ("What eats grass? (a) A (b) B (c) C (d) fox", "B"),
    "chartqa": ("What is the share of Peru in 2012?", "12.5"),
    "screen2words": ("map of a city",),
    "widgetcap": ("search",),
    "coco": ("Two dogs.", "Dogs at play."),
    "vqav2": ("How many dogs are there?", "2"),
    "okvqa": ("What is their game?", "fetch"),
    "tallyqa": ("How many cats?", "4"),
    "msrvtt": ("a dog runs", "a running dog"),
    "msrvtt_qa": ("what runs?", "dog"),
    "vatex": ("A girl skips.", "A girl jumps rope."),
    "activitynet": ("A man swims.",),
    "activitynet_qa": ("what does the man do", "swim"),
    "smit": ("water falls down",),
    "nextqa": ("why does the boy run", "catch the ball"),
    "fairface": ("Male", "East Asian", "3-9"),
    "celeba": ("Male",),
    "miap": ("Is there a person in this image?", "yes"),
}
"""What the first test record of each has: a question and its answer, captions, or attributes."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of the page, its images and videos."""
    folder = tmp_path_factory.mktemp("sets")
    for names, content in FILES.findall(PAGE):
        for name in re.findall(r"`([^`]+)`", names):
            path = folder / name
            assert not path.exists() or path.read_text() == content, name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    for names in re.findall(r"^Images: (.+)\.$", PAGE, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (90, 160), (90, 120, 50)).save(folder / name)
    for names in re.findall(r"^Videos: (.+)\.$", PAGE, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            write_clip(folder / name)
    return folder


def test_all_sets_that_the_tables_measure_are_told() -> None:
    told = set(re.findall(r"`([a-z0-9_]+)`", " ".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    assert told == set(FIRST)
    public = {each.name for each in BENCHMARK.all() if each.public and each.generated and not each.regions}
    assert told == public - {"xm3600"}


@pytest.mark.parametrize("benchmark", FIRST)
def test_a_set_is_read_as_the_page_says(benchmark: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pali3kit.plan.kinds.evaluate.require_wordnet", lambda: None)  # scores alone need its files
    words = ["scale=smoke", f"evaluate=[{benchmark}]", f"data.root={root}"]
    experiment = load(shipped_experiments()["pali3"], words)
    component = source_of(experiment, BENCHMARK.find(benchmark))
    assert component is not None
    source = build_source(component_json(component), 64)
    record = source.readers["test"].record(0)
    found = tuple(each for asked in record.questions for each in (asked.text, asked.answer))
    assert (found or record.captions.get("en", tuple(record.attributes.values()))) == FIRST[benchmark]
    assert source.image("test", 0).shape[2] == 3 and len(source.readers["train"]) >= 1
