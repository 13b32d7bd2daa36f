"""Several sources as one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import pytest

from pali3kit.data.mixture import Mixture
from pali3kit.data.source import STRETCH
from pali3kit.data.task import held_out
from pali3kit.data.union import UnionSource
from pali3kit.errors import DataError, RegistryError
from pali3kit.images.spec import ImageSpec
from pali3kit.training.pretraining_images import PretrainingImages

RNG = np.random.default_rng(0)


@pytest.fixture
def parts(tmp_path: Path, image: Callable[..., Path]) -> dict[str, Any]:
    """Eight captions, three images with words and five with captions in German; their shades are 0, 100, 200 on."""
    for name, first, count in (("cc", 0, 8), ("de", 200, 5)):
        rows = [f"some text {first + i}\t{first + i}.png" for i in range(count)]
        (tmp_path / f"{name}.tsv").write_text("\n".join(rows))
    for shade in (*range(8), *range(100, 103), *range(200, 205)):
        image(tmp_path / f"{shade}.png", shade=shade)
    imgs = {str(n): {"file_name": f"{n}.png", "width": 8, "height": 6} for n in (100, 101, 102)}
    anns = {str(n): {"image_id": n, "bbox": [1, 1, 2, 2], "utf8_string": f"word{n}"} for n in (100, 101, 102)}
    (tmp_path / "ocr.json").write_text(json.dumps({"imgs": imgs, "anns": anns}))
    (tmp_path / "test.tsv").write_text("a test\t0.png\nanother\t1.png")
    images = str(tmp_path)
    return {
        "cc3m": {"name": "tsv", "path": f"{images}/cc.tsv", "images": images, "test": f"{images}/test.tsv"},
        "text": {"name": "ocr", "path": f"{images}/ocr.json", "images": images, "test": f"{images}/ocr.json"},
        "german": {"name": "tsv", "path": f"{images}/de.tsv", "images": images, "language": "de", "filter": True},
    }


def coco(folder: Path) -> str:
    """One of the images, with a mouse in it."""
    images = [{"id": 3, "file_name": "3.png", "height": 6, "width": 8}]
    box = {"id": 1, "image_id": 3, "category_id": 5, "bbox": [1, 1, 4, 4], "iscrowd": 0, "area": 16}
    known = {"images": images, "categories": [{"id": 5, "name": "mouse"}]}
    file = folder / "instances.json"
    file.write_text(json.dumps({**known, "annotations": [{**box, "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]]}]}))
    return str(file)


def test_images_of_all_parts_are_one_index_space(parts: dict[str, Any]) -> None:
    union = UnionSource(parts)
    shades = [int(union.image("train", index)[0, 0, 0]) for index in range(32)]
    assert union.size("train") == 16 and union.languages == ("en", "de")
    for turn in (shades[:16], shades[16:]):
        assert sorted(turn[:8]) == list(range(8)) and sorted(turn[8:11]) == [100, 101, 102]
        assert sorted(turn[11:]) == list(range(200, 205))


def test_pretraining_sees_every_image_once_a_pass_in_another_order(parts: dict[str, Any]) -> None:
    """But those of parts without texts and labels, of which it could learn nothing."""
    union = UnionSource(parts)
    passes = [[int(union.image("train", STRETCH + 13 * t + i)[0, 0, 0]) for i in range(13)] for t in range(2)]
    assert sorted(passes[0]) == sorted(passes[1]) == [*range(8), *range(200, 205)]
    assert passes[0] != passes[1] and passes[0] != sorted(passes[0])
    at = passes[0].index(3)
    assert union.alt_text("train", STRETCH + at, RNG) == "some text 3"


def test_texts_and_labels_are_asked_of_the_parts_that_may_have_them(parts: dict[str, Any], tmp_path: Path) -> None:
    """Whatever the position, and none of the others is bad; a part that is somebody's may have all."""
    for name in ("cat", "dog"):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for shade in (50, 51):
            copy(tmp_path / "0.png", tmp_path / "classes" / name / f"{shade}.png")
    pairs = {"name": "folder", "path": str(tmp_path / "classes")}
    boxes = {"name": "coco_instances", "path": coco(tmp_path), "images": str(tmp_path)}
    union = UnionSource({**parts, "classes": pairs, "boxes": boxes})
    told = {what: union.telling(what) for what in ("texts", "labels", "masks")}
    assert {what: list(source.parts) for what, source in told.items()} == {
        "texts": ["cc3m", "german", "classes"], "labels": ["classes", "boxes"], "masks": ["boxes"],
    }  # fmt: skip
    texts, labels = PretrainingImages(union, ImageSpec(8), 0, 7), union.telling("labels")
    for step in range(5):
        captioned = texts.telling("texts")
        assert captioned.source is told["texts"] and not captioned._draw(step, captioned._text).skipped
        assert "skipped" not in PretrainingImages(union, ImageSpec(8), 0, 7).with_labels(step, len(labels.classes))
    assert labels.classes == ("cat", "dog", "mouse") and labels.telling("labels") is labels
    assert labels.skips is union.skips
    seen = {labels.labels("train", STRETCH + index) for index in range(labels.size("train"))}
    assert seen == {(0,), (1,), (2,)}
    with pytest.raises(DataError, match="no part of the union has images with masks: they are cc3m, text, german"):
        UnionSource(parts).telling("masks")


def test_a_union_of_texts_only_is_the_union_itself(parts: dict[str, Any]) -> None:
    union = UnionSource({name: parts[name] for name in ("cc3m", "german")})
    assert union.telling("texts") is union


def test_a_part_without_held_out_texts_is_left_out_of_them(parts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    copy(tmp_path / "0.png", tmp_path / "classes" / "cat" / "0.png")
    union = UnionSource({**parts, "classes": {"name": "folder", "path": str(tmp_path / "classes")}})
    assert list(union.held_out(16)) == list(UnionSource(parts).held_out(16))
    assert "cat" in set(union.sentences(0, 16))
    with pytest.raises(DataError, match="no part of the union has held-out text"):
        UnionSource({"classes": {"name": "folder", "path": str(tmp_path / "classes")}}).held_out(16)


def test_test_images_are_those_of_the_parts_that_have_some(parts: dict[str, Any]) -> None:
    union = UnionSource(parts)
    assert [int(union.image("test", i)[0, 0, 0]) for i in range(5)] == [0, 1, 100, 101, 102]
    with pytest.raises(DataError, match=r"the test split has 5 images, not 6: lower data\.test"):
        union.image("test", 5)
    assert [e.target for e in held_out(union.task("ocr", 16), "test", 5, 9, 0)] == ["word100", "word101", "word102"]


def test_a_task_is_on_all_parts_that_have_it_or_on_the_one_that_is_named(parts: dict[str, Any]) -> None:
    union = UnionSource(parts)
    ranges = {name: union.task(name, 16).where("train", 20) for name in ("splitcap", "cc3m.splitcap", "ocr")}
    assert ranges == {
        "splitcap": [range(8), range(11, 16), range(16, 20)],
        "cc3m.splitcap": [range(8), range(16, 20)],
        "ocr": [range(8, 11)],
    }


def test_a_rare_task_gets_its_share_of_a_mixture(parts: dict[str, Any]) -> None:
    """Parts share a task by the number of their images: 8 and 5 of 13."""
    union = UnionSource(parts)
    weights = {"ocr": 1.0, "splitcap": 1.0, "german.caption_multilingual": 2.0}
    mixture = Mixture({name: (union.task(name, 16), weight) for name, weight in weights.items()}, "train", 16, 0)
    examples = [mixture.example(0, position) for position in range(4000)]
    counts = Counter("ocr" if "ocr" in e.prompt else e.language for e in examples)
    for name, share in (("ocr", 1 / 4), ("en", 1 / 4 * 8 / 13), ("de", 1 / 2 + 1 / 4 * 5 / 13)):
        assert abs(counts[name] - 4000 * share) < 5 * (4000 * share * (1 - share)) ** 0.5
    for example in examples:
        shade = int(union.image("train", example.images[0])[0, 0, 0])
        assert example.target == f"word{shade}" or f"some text {shade}".endswith(example.target)


def test_what_a_union_does_not_have(parts: dict[str, Any]) -> None:
    union = UnionSource(parts)
    for name, complaint in (
        ("vqa", "no part of the union has a task 'vqa': they are cc3m, text, german"),
        ("txt.ocr", r"the union has no part 'txt'\. Did you mean 'text'\?"),
        ("text.orc", r"no task 'orc'\. Did you mean 'ocr'\?"),
    ):
        with pytest.raises(RegistryError, match=complaint):
            union.task(name, 16)
    with pytest.raises(DataError, match=r"'ocr': none of the first 8 train images is of text; .* raise data\.train"):
        union.task("ocr", 16).where("train", 8)
    with pytest.raises(DataError, match="part 'w': source 'world' is endless"):
        UnionSource({"w": {"name": "world"}}, image_size=64)
    with pytest.raises(DataError, match="part 'u': source 'union' is a union itself: name its parts here"):
        UnionSource({"u": {"name": "union", "parts": parts}})


def test_parts_share_one_count_of_what_is_skipped(parts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "cc.tsv").write_text("a cat\t0.png\n" + "no tab\n" * 3)
    union = UnionSource(parts)
    task = union.task("splitcap", 16)
    assert sum(task.draw("train", index, RNG) is not None for index in range(4)) == 1
    assert len(union.skips.lines) == 3 and list(union.text_filters) == ["german"]


def test_texts_of_all_parts(parts: dict[str, Any]) -> None:
    union = UnionSource(parts)
    texts = {*union.sentences(0, 16), *union.held_out(16)}
    assert {"some text 3", "word101", "some text 204"} <= texts and len(texts) == 16
    assert len(list(union.sentences(0, 16, limit=5))) == 5


def test_the_digest_is_that_of_the_parts(parts: dict[str, Any], tmp_path: Path) -> None:
    before = UnionSource(parts).digest
    assert UnionSource(parts).digest == before
    (tmp_path / "de.tsv").write_text("other text")
    assert UnionSource(parts).digest != before


def test_examples_of_several_images_keep_them_in_a_union(parts: dict[str, Any], tmp_path: Path) -> None:
    """Clips of three frames behind eight images: their numbers are those of the union, in every pass."""
    clips = [{"images": [f"{n}.png", "100.png", f"{n + 1}.png"], "caption": f"clip {n}"} for n in (200, 203)]
    (tmp_path / "clips.jsonl").write_text("\n".join(map(json.dumps, clips)))
    of_clips = {"name": "records", "path": str(tmp_path / "clips.jsonl"), "images": str(tmp_path)}
    union = UnionSource({"cc3m": parts["cc3m"], "clips": of_clips, "german": parts["german"]})
    assert union.size("train") == 8 + 6 + 5 and union.max_images == 3
    for name in ("clips.caption", "caption"):
        task, found = union.task(name, 1000), []
        for index in (index for places in task.where("train", 2 * 19) for index in places):
            example = task.draw("train", index, RNG)
            if example is None or "clip" not in example.target:
                continue
            found.append(example.images[0] // 19)
            first = int(example.target.removeprefix("clip "))
            assert example.images == tuple(range(index, index + 3)) and 8 <= index % 19 <= 11
            assert [int(union.image("train", n)[0, 0, 0]) for n in example.images] == [first, 100, first + 1]
        assert found == [0, 0, 1, 1]
    assert [*union.task("clips.caption", 9).where("train", 13)] == [range(8, 9)]  # the second ends behind them
