"""What other code makes of the same files is other content: nothing made of the old one is used for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pali3kit.data.folder import FolderSource, _FolderRecords
from pali3kit.data.lines import LineSource
from pali3kit.data.pairs import PairSource, _PairRecords
from pali3kit.data.readers import coco_captions, coco_instances, ocr, refcoco, tsv, video_records, vqa
from pali3kit.data.records import digest_files
from pali3kit.data.sets.folders import Folders
from pali3kit.data.sets.karpathy import CocoKarpathy
from pali3kit.data.text import TextSource
from pali3kit.images import decode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        (tmp_path / split / "cat").mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / split / "cat" / "1.png")
    (tmp_path / "a.tsv").write_text("a cat\ttrain/cat/1.png\n")
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "refcoco").mkdir()
    for name in ("refs(unc).p", "instances.json"):
        (tmp_path / "refcoco" / name).write_text("{}")
    images = [{"split": "test", "filename": "train/cat/1.png", "sentences": [{"raw": "a cat"}]}]
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images}))
    (tmp_path / "a.txt").write_text("a cat\n")
    (tmp_path / "a.tar").write_bytes(bytes(10240))
    return tmp_path


SOURCES: dict[str, tuple[type, Callable[[Path], str]]] = {
    "coco_captions": (
        coco_captions.CocoCaptionsReader,
        lambda root: coco_captions._create(str(root / "a.json"), str(root)).digest,
    ),
    "coco_instances": (
        coco_instances._CocoInstancesReader,
        lambda root: coco_instances._create(str(root / "a.json"), str(root)).digest,
    ),
    "ocr": (ocr._OcrReader, lambda root: ocr._create(str(root / "a.json"), str(root)).digest),
    "refcoco": (refcoco._RefCocoReader, lambda root: refcoco._create(str(root), str(root)).digest),
    "vqa": (vqa._VqaReader, lambda root: vqa._create(str(root / "a.json"), str(root)).digest),
    "tsv": (tsv._TsvReader, lambda root: tsv._create(str(root / "a.tsv"), str(root)).digest),
    "pairs": (_PairRecords, lambda root: PairSource(str(root / "a.tar")).digest),
    "folder": (_FolderRecords, lambda root: FolderSource(str(root)).digest),
    "text": (LineSource, lambda root: TextSource(str(root / "a.txt")).digest),
    "a set": (Folders, lambda root: Folders(str(root)).digest),
    "coco_karpathy": (CocoKarpathy, lambda root: CocoKarpathy(str(root / "dataset_coco.json"), str(root)).digest),
    "a split": (Folders, lambda root: Folders(str(root)).content("train")),
}


@pytest.mark.parametrize("name", SOURCES)
def test_another_version_of_its_code_is_another_content(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, content = SOURCES[name]
    before = content(root)
    monkeypatch.setattr(reader, "version", reader.version + 1)  # type: ignore[attr-defined]
    assert content(root) != before


@pytest.mark.parametrize("name", SOURCES)
def test_another_decoder_is_another_content_wherever_there_are_images(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, content = SOURCES[name]
    before = content(root)
    monkeypatch.setattr(decode, "VERSION", decode.VERSION + 1)
    assert (content(root) == before) is (name == "text")


@pytest.mark.parametrize("name", SOURCES)
def test_what_the_first_decoder_made_is_not_used(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It made greys of 16 bits white, and turned images away from their boxes."""
    assert decode.VERSION == 2
    _, content = SOURCES[name]
    today = content(root)
    monkeypatch.setattr(decode, "VERSION", 1)
    assert (content(root) == today) is (name == "text")


def test_another_decoder_of_videos_is_another_content(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a.jsonl").write_text('{"video": "a.mp4", "caption": "a cat"}\n')
    before = video_records._create(str(root / "a.jsonl"), str(root)).digest
    monkeypatch.setattr(video_records, "VERSION", video_records.VERSION + 1)
    assert video_records._create(str(root / "a.jsonl"), str(root)).digest != before


def test_first_versions_leave_digests_as_they_were(root: Path) -> None:
    files = [root / "a.txt"]
    assert (
        digest_files(root, files)
        == digest_files(root, files, 1, 1)
        != digest_files(root, files, 1, 2)
        != digest_files(root, files, 2, 1)
    )


@pytest.mark.parametrize("name", ["coco_captions", "coco_instances", "refcoco", "vqa", "coco_karpathy"])
def test_those_that_were_mended_are_of_another_version(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made of the same files by the code before is not used."""
    reader, content = SOURCES[name]
    now = content(root)
    monkeypatch.setattr(reader, "version", 1)
    assert content(root) != now
