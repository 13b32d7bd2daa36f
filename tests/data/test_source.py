"""What is known of every source without asking whether it knows."""

from __future__ import annotations

import pytest

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.folder import FolderSource
from pali3kit.data.jsonl import JsonlSource
from pali3kit.data.pairs import PairSource
from pali3kit.data.records import RecordSource
from pali3kit.data.source import Source, SourceBase
from pali3kit.data.text import TextSource
from pali3kit.data.union import UnionSource
from pali3kit.data.world.source import WorldSource

SOURCES = (
    AnnotatedSource, FolderSource, JsonlSource, PairSource, RecordSource, TextSource, UnionSource, WorldSource,
)  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_one(kind: type) -> None:
    assert issubclass(kind, SourceBase)


def test_nothing_is_known_unless_a_source_says_so() -> None:
    source = SourceBase()
    assert (source.skips, source.damages, source.text_filters, source.digest) == (None, (), {}, "")
    assert source.max_images == 1


def test_the_world_has_a_digest_and_nothing_to_skip() -> None:
    source, other = WorldSource(), WorldSource(seed=1)
    assert len(source.digest) == 64
    assert source.digest != other.digest
    assert (source.skips, source.damages, source.text_filters) == (None, (), {})


def test_files_note_what_they_skip(tmp_path) -> None:
    (tmp_path / "lines.txt").write_text("one line\n")
    source = TextSource(str(tmp_path))
    assert source.skips.drain() == []
    assert len(source.digest) == 64
    assert source.damages == ()


def test_what_a_source_answers_of_itself_every_source_is_asked_for() -> None:
    own = {name for name in vars(SourceBase) if not name.startswith("_")}
    assert own == {"skips", "damages", "text_filters", "digest", "max_images", "published_words", "telling"}
    assert own <= vars(Source).keys()
