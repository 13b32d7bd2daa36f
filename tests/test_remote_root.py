"""A `data.root` behind a URL: the sets of Tables 2, 4 and 5 there are read as on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from file_server import FileServer, serving
from public_sets import write_public_sets

from pali3kit.config.component import Component
from pali3kit.config.load import load
from pali3kit.data.annotated import AnnotatedSource
from pali3kit.errors import ConfigError
from pali3kit.registry import SOURCE
from pali3kit.storage import systems
from tests.video_sets import write_video_sets

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
BENCHMARKS = {
    "texts": "textcaps, textvqa, stvqa, ocrvqa, infovqa, docvqa, ai2d, chartqa, screen2words, widgetcap",
    "photographs": "coco, vqav2, okvqa, tallyqa",
    "videos": "msrvtt_qa, vatex, activitynet, smit",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_public_sets(folder)
    write_video_sets(folder)
    return folder


@pytest.fixture
def server(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("PALI3KIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(systems, "PAUSES", ())
    with serving() as files:
        files.serve(root, "sets")
        yield files


def sources(root: str, *words: str) -> dict[str, Component]:
    return load(EXPERIMENTS / "table2.yaml", ["scale=smoke", f"data.root={root}", *words]).data.benchmarks


def told(part: Component) -> list[object]:
    """What can be read of a source: its content's digest, its images and their texts."""
    source = SOURCE.build(part.name, **part.options)
    assert isinstance(source, AnnotatedSource)
    found: list[object] = [source.digest]
    for split in ("train", "test"):
        for number in range(min(source.size(split), 2)):
            record = source.record(split, number)
            image, words = source.image(split, number), source.published_words(split, number)
            found.append((image.tolist(), record.captions, record.questions, words))
    assert len(found) > 2 and not source.skips.lines
    return found


@pytest.mark.parametrize("sets", BENCHMARKS)
@pytest.mark.parametrize("protocol", ["http", pytest.param("memory", marks=pytest.mark.slow)])
def test_a_root_behind_a_url(sets: str, protocol: str, root: Path, server: FileServer) -> None:
    url = f"{server.url}/sets/"
    if protocol == "memory":
        fsspec.filesystem("memory").put(str(root), f"/{root.name}", recursive=True)
        url = f"memory://{root.name}"
    words = [f"evaluate=[{BENCHMARKS[sets]}]", "grid={}"]
    words += ["data.ocr.words=published"] * (sets == "texts")
    here, there = sources(str(root), *words), sources(url, *words)
    assert list(there) == list(here) and len(here) >= 4
    for name, part in here.items():
        assert told(there[name]) == told(part), name


def test_a_root_is_judged_and_not_opened(server: FileServer) -> None:
    server.gets.clear()
    assert sources(server.url, "evaluate=[textvqa]", "grid={}") and not server.gets
    with pytest.raises(ConfigError, match=r"data\.root: unknown protocol 'htps'"):
        sources("htps://lab.org/sets", "evaluate=[textvqa]", "grid={}")
    whole = "should be on this machine, not behind a URL"
    for wrong, text, times in (("htps", "data.root: unknown protocol 'htps'", 1), ("https", whole, 3)):
        with pytest.raises(ConfigError) as error:
            sources(f"{wrong}://lab.org/sets", "evaluate=[knn,coco]", "grid={}", "data.source=world")
        assert [text in str(problem) for problem in error.value.problems] == [True] * times
    own = "data.benchmarks.textvqa={name: vqa, path: 'htps://lab.org/a.json', images: 's3://lab'}"
    with pytest.raises(ConfigError, match=r"data\.benchmarks\.textvqa\.path: unknown protocol 'htps'"):
        sources("data", "evaluate=[textvqa]", "grid={}", own)
