"""Image sets in a plan: their content, number and splits."""

from __future__ import annotations

import json

import pytest

from pali3kit.config.component import Component
from pali3kit.errors import DataError
from pali3kit.plan import sets
from pali3kit.plan.sets import ImageSetConfig, captioned_fields, labelled_fields, open_labelled


@pytest.fixture
def imagenet(tmp_path):
    """The component of a set with two train images, a test image and ImageNet-v2, with some options."""
    for name in ("train/n0/a.png", "train/n0/b.png", "val/n0/ILSVRC2012_val_00000001.png", "v2/0/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"an image")
    (tmp_path / "real.json").write_text("[[0]]")

    def part(**options):
        sets._open_labelled_json.cache_clear()
        told = {key: str(tmp_path / file) for key, file in options.items()}
        return Component(name="imagenet", options={"path": str(tmp_path), **told})

    yield part
    sets._open_labelled_json.cache_clear()


def test_what_is_reported_of_a_labelled_set():
    part = Component(name="world_classes", options={"objects": 8, "train": 20, "test": 10})
    told = labelled_fields(part, ["train", "test"], 64)
    assert told["labelled"] == {"name": "world_classes", "objects": 8, "train": 20, "test": 10}
    assert (told["count"], told["image_size"], len(told["data"])) == (30, 64, 64)


def test_the_set_is_a_component_as_json():
    part = Component(name="world_classes", options={"objects": 8, "train": 20, "test": 10})
    plain = ImageSetConfig(**labelled_fields(part, ["train"], 64)).plain()
    assert list(plain) == ["labelled", "data", "count", "image_size"] and json.dumps(plain)


def test_what_is_reported_of_a_captioned_set():
    part = Component(name="world_captions", options={"objects": 8, "test": 6})
    told = captioned_fields(part, ["test"], 96)
    assert told["captioned"] == {"name": "world_captions", "objects": 8, "test": 6}
    assert (told["count"], told["image_size"]) == (6, 96) and "labelled" not in told


@pytest.mark.parametrize("other", [{"objects": 9}, {"train": 21}])
def test_other_train_images_are_other_content(other):
    options = {"objects": 8, "train": 20, "test": 10}
    one, two = (
        labelled_fields(Component(name="world_classes", options=told), ["train"], 64)
        for told in (options, options | other)
    )
    assert one["data"] != two["data"]


def test_train_fields_do_not_depend_on_test_options(imagenet):
    plain = labelled_fields(imagenet(), ["train"], 64)
    assert labelled_fields(imagenet(real="real.json", v2="v2"), ["train"], 64) == plain
    assert plain["labelled"].keys() == {"name", "path"} and plain["count"] == 2


def test_test_fields_depend_on_all_options(imagenet):
    plain = labelled_fields(imagenet(), ["test"], 64)
    told = labelled_fields(imagenet(real="real.json"), ["test"], 64)
    assert told["labelled"].keys() == {"name", "path", "real"} and told["data"] != plain["data"]


def test_images_of_several_splits_are_counted_together(imagenet):
    assert labelled_fields(imagenet(v2="v2"), ["test", "v2"], 64)["count"] == 2


def test_a_set_is_opened_once():
    part = Component(name="world_classes", options={"objects": 8, "train": 20, "test": 10})
    again = Component(name="world_classes", options={"test": 10, "train": 20, "objects": 8})
    assert open_labelled(part) is open_labelled(again)


def test_a_split_that_is_not_there_is_reported_before_anything_learns(tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "1.png").write_bytes(b"an image")
    part = Component(name="folders", options={"path": str(tmp_path)})
    with pytest.raises(DataError, match=rf"^folders {tmp_path}: there are no images in its split 'test'$"):
        labelled_fields(part, ["train", "test"], 64)


def test_a_set_without_files_is_named_alone():
    with pytest.raises(DataError, match=r"^world_captions: there are no images in its split 'test'$"):
        captioned_fields(Component(name="world_captions", options={"objects": 8, "test": 0}), ["test"], 64)


def test_configurations_name_one_of_the_two():
    labelled = ImageSetConfig(labelled={"name": "a"}, data="0", count=1, image_size=64)
    assert labelled.plain() == {"labelled": {"name": "a"}, "data": "0", "count": 1, "image_size": 64}
