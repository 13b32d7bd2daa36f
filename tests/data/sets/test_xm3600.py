"""Crossmodal-3600."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.sets.xm3600 import Xm3600
from pali3kit.errors import DataError


def expected(*captions: str) -> dict[str, Any]:
    lower = [caption.lower() for caption in captions]
    return {"caption": list(captions), "caption/tokenized": list(captions), "caption/tokenized/lowercase": lower}


LINES: tuple[dict[str, Any], ...] = (
    {
        "image/key": "b2",
        "image/locale": "bn",
        "en": expected("A cat.", "Cat\non a mat"),
        "ar": expected("قطة"),
    },
    {
        "image/key": "a1",
        "image/locale": "en",
        "en": expected("A dog.", " "),
        "ar": expected(),
        "quz": expected("Allqu", "Huk allqu"),
    },
)


@pytest.fixture
def root(tmp_path: Path, image: Callable[..., Path]) -> Path:
    (tmp_path / "captions.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in LINES), encoding="utf-8")
    image(tmp_path / "images" / "b2.jpg", shade=2)
    image(tmp_path / "images" / "a1.jpg", shade=1)
    return tmp_path


def read(root: Path) -> Xm3600:
    return Xm3600(str(root / "captions.jsonl"), str(root / "images"), image_size=64)


def test_captions_by_language_in_the_order_of_images(root: Path) -> None:
    found = read(root)
    assert found.languages == ("ar", "en", "quz")  # those of the 36 that have captions, in their order
    assert found.captions("en") == [(0, "A cat."), (0, "Cat on a mat"), (1, "A dog.")]
    assert found.captions("ar") == [(0, "قطة")] and found.captions("quz") == [(1, "Allqu"), (1, "Huk allqu")]
    assert found.size("test") == 2 and found.size("train") == 0
    assert [int(found.image("test", index)[0, 0, 0]) for index in (0, 1)] == [2, 1]
    assert Xm3600(str(root), str(root / "images")).digest == found.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"image/key": "a1"', '"image/kex": "a1"', r"jsonl:2: no field 'image/key'\. Did you mean 'image/kex'\?"),
        ('"image/key": "a1"', '"image/key": 1', r"jsonl:2: 'image/key' should be a text, not the number 1"),
        (
            '{"caption": ["A dog.", " "]',
            '{"captoin": ["A dog.", " "]',
            r"jsonl:2: 'en': no field 'caption'\. Did you mean 'captoin'\?",
        ),
        (
            '"image/key": "a1"',
            '"image/key": "../a1"',
            r"jsonl:2: 'image/key' should be the name of an image, not '\.\./a1'",
        ),
        (
            '{"caption": ["A dog.", " "]',
            '{"caption": [7]',
            r"jsonl:2: 'en': a caption should be a text, not the number 7",
        ),
        (
            '{"caption": ["A dog.", " "]',
            '{"caption": "A dog."',
            r"jsonl:2: 'en': 'caption' should be a list, not the text",
        ),
        ('"image/locale": "en"', '"locale": "en"', r"jsonl:2: there is no language 'locale'\. Choose from ar, bn"),
        ('"quz": ', '"qu": ', r"jsonl:2: there is no language 'qu'\. Did you mean 'quz'\?"),
        ('"quz": {', '"quz": 7, "bn": {', r"jsonl:2: 'quz': this should be a mapping, not the number 7"),
        ('"quz": {', '"en": {', r"jsonl:2: no JSON: 'en' occurs twice in a mapping, with two values"),
        ('"Huk allqu"]}}', "", r"jsonl:2: no JSON: "),
        ('"image/key": "a1"', '"image/key": "a3"', r"no image .*/images/a3\.jpg, which .*/captions\.jsonl lists"),
    ],
)
def test_damaged_lines(root: Path, old: str, new: str, message: str) -> None:
    file = root / "captions.jsonl"
    text = file.read_text()
    if new:
        assert old in text
        file.write_text(text.replace(old, new))
    else:
        file.write_text(text[:-9])
    with pytest.raises(DataError, match=message):
        read(root)


def test_missing_layouts(root: Path) -> None:
    (root / "captions.jsonl").write_text('{"image/key": "a1"}\n')
    with pytest.raises(DataError, match=r"captions\.jsonl: no image with a caption; there should be one on each line"):
        read(root)
    with pytest.raises(DataError, match=r"there is no folder .*/image\. Did you mean 'images'\?"):
        Xm3600(str(root), str(root / "image"))
    (root / "captions.jsonl").unlink()
    with pytest.raises(DataError, match=r"there is no file .*/captions\.jsonl"):
        read(root)


@pytest.mark.parametrize("ending", [".jpeg", ".png", ".JPG"])
def test_images_may_have_any_extension(root: Path, ending: str) -> None:
    (root / "images" / "a1.jpg").rename(root / "images" / f"a1{ending}")
    assert [int(read(root).image("test", index)[0, 0, 0]) for index in (0, 1)] == [2, 1]


def test_languages_are_those_that_have_a_caption(root: Path) -> None:
    """A language with blank captions only is left out."""
    file = root / "captions.jsonl"
    lines = [{**line, "de": expected(" ", "\u00a0"), "th": expected()} for line in LINES]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert read(root).languages == ("ar", "en", "quz")
