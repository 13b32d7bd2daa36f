"""Stage 0c: the mask tokenizer's step."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import changed, complaints, detail, panel, step_of, units, without_place

from pali3kit.config.component import Component
from pali3kit.config.load import load
from pali3kit.plan import content

EXPERIMENTS = Path(__file__).parents[3] / "experiments"


@pytest.fixture
def coco(tmp_path):
    (tmp_path / "instances.json").write_text("{}")
    return Component(name="coco_instances", options={"path": f"{tmp_path}/instances.json", "images": str(tmp_path)})


def masks(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "mask_tokenizer", seed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.mask_tokenizer.codes", 32),
        ("model.image_size", 128),
        ("stages.mask_tokenizer.examples", 110),
        ("stages.mask_tokenizer.optimizer.learning_rate", 0.5),
        ("data.source", Component(name="world")),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert masks(experiment, **{key: value}).digest != masks(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokenizer.vocabulary", 60),
        ("tokenizer.bins", 32),
        ("data.train", 21),
        ("pretrain", "random"),
        ("stages.mask_tokenizer.source", None),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert masks(experiment, **{key: value}).digest == masks(experiment).digest


def test_each_seed_has_its_own(experiment):
    assert masks(experiment, 3).digest != masks(experiment).digest and masks(experiment, 3).seed == 3


def test_of_seed_0_it_is_what_it_was_when_seeds_shared_it():
    """Version 0.1's masks of the embedded scale."""
    quick = load(EXPERIMENTS / "ablate_classif.yaml", ["scale=quick"])
    assert step_of(quick, "mask_tokenizer").name == "mask_tokenizer-75beb30a48c5"


def test_it_learns_what_the_world_refers_to_and_any_object_of_files(experiment, coco):
    """From its own source, or that of `data`."""
    of_world = masks(experiment)
    assert "task" not in of_world.plain and "source" not in of_world.plain["training"]
    for changes in ({"stages.mask_tokenizer.source": coco}, {"data.source": coco}):
        of_files = masks(experiment, **changes)
        assert of_files.plain["task"] == "instance" and of_files.plain["source"]["name"] == "coco_instances"
        assert "source" not in of_files.plain["training"], "it is said once"


def test_a_source_of_its_own_changes_nothing_else(experiment, coco):
    own, data = (masks(experiment, **{key: coco}) for key in ("stages.mask_tokenizer.source", "data.source"))
    assert own.digest == data.digest


def test_what_it_learns_names_it_where_that_is_not_the_worlds(experiment, coco):
    assert detail(masks(experiment)) == panel(masks(experiment)) == ""
    step = masks(experiment, **{"stages.mask_tokenizer.source": coco})
    assert detail(step) == panel(step) == "instance"


def test_another_file_of_weights_is_another_start(experiment, tmp_path):
    def of(data):
        content._sha256.cache_clear()
        (tmp_path / "vae.npz").write_bytes(data)
        return masks(experiment, **{"model.mask_tokenizer.weights": str(tmp_path / "vae.npz")})

    assert of(b"a").digest == of(b"a").digest != of(b"b").digest
    content._sha256.cache_clear()


def test_its_units_are_its_examples_and_at_least_one(experiment):
    assert units(masks(experiment)) == 100
    assert units(masks(experiment, **{"stages.mask_tokenizer.examples": 0})) == 1
    assert masks(experiment).parents == {}


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"model.mask_tokenizer.weights": "no/vae.npz"}, "model.mask_tokenizer.weights",
         "there is no file or folder 'no/vae.npz'."),
        ({"stages.mask_tokenizer.examples": 0}, "stages.mask_tokenizer.examples",
         "with 0 examples vqvae keeps random weights: set its weights, or train it on examples."),
        ({"stages.mask_tokenizer.examples": 3}, "stages.mask_tokenizer.examples",
         "stages.mask_tokenizer.examples: 3 examples are less than one batch of 10"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(experiment, changes, key, text):
    [(at, told)] = complaints(changed(experiment, changes), "mask_tokenizer")
    assert (at, without_place(told)) == (key, text)


def test_what_can(experiment, tmp_path):
    (tmp_path / "vae.npz").write_bytes(b"weights")
    given = {"model.mask_tokenizer.weights": str(tmp_path / "vae.npz"), "stages.mask_tokenizer.examples": 0}
    assert complaints(experiment, "mask_tokenizer") == complaints(changed(experiment, given), "mask_tokenizer") == []
