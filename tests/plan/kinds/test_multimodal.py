"""Stage 1: the training of PaLI."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, panel, step_of, units

from pali3kit.config.component import Component
from pali3kit.config.stages import ResolutionStep
from pali3kit.plan.cell import CellSteps


def multimodal(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "multimodal", seed)


def test_its_configuration(experiment):
    """Lengths occur once; the held-out images and the number of images only where they matter."""
    plain = dict(multimodal(experiment).plain)
    training = plain.pop("training")
    assert plain == {
        "source": {"name": "fake"}, "data": "images", "image_size": 64, "bins": 1000, "prompt_length": 32,
        "target_length": 32, "projector": {"name": "linear"},
    }  # fmt: skip
    assert training.keys() == {"examples", "batch_size", "optimizer", "mixture"}
    assert training["mixture"] == {"splitcap": 1.0}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.multimodal.examples", 110),
        ("stages.multimodal.mixture", {"splitcap": 2.0}),
        ("stages.multimodal.temperature", 2.0),
        ("stages.multimodal.prompt_length", 16),
        ("stages.multimodal.target_length", 16),
        ("stages.language.examples", 110),
        ("stages.vision.examples", 110),
        ("model.projector", Component(name="mlp")),
        ("data.train", 21),
        ("data.validation", 2),
        ("data.cache", False),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert multimodal(experiment, **{key: value}).digest != multimodal(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.test", 11),
        ("stages.transfer.examples", 110),
        ("stages.mask_tokenizer.examples", 110),  # no regions in the mixture
        ("evaluation.beams", 4),
        ("stages.multimodal.temperature", 1.0),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert multimodal(experiment, **{key: value}).digest == multimodal(experiment).digest


def test_its_parents(experiment):
    parents = {"language": "language", "features": "features", "tokenizer": "tokenizer"}
    assert kinds(multimodal(experiment).parents) == parents


@pytest.mark.parametrize(
    ("mixture", "reads"),
    [
        ({"refer": 0.5}, True),
        ({"refer_plus": 0.5}, True),
        ({"coco.refer": 1.0}, True),  # of a part of a union
        ({"refer": 0.0, "vqa": 1.0}, False),
        ({"detect": 1.0}, False),
    ],
)
def test_mixtures_with_regions_read_the_mask_tokenizer(experiment, mixture, reads):
    step = multimodal(experiment, **{"stages.multimodal.mixture": mixture})
    assert ("mask_tokenizer" in step.parents) is reads


def test_without_kept_tokens_it_sees_images(experiment):
    step = multimodal(experiment, **{"data.cache": False})
    assert kinds(step.parents) == {"language": "language", "vision": "vision", "tokenizer": "tokenizer"}
    assert step.plain["count"] == 20


def test_images_that_are_validated_on_are_said(experiment):
    assert multimodal(experiment, **{"data.validation": 2}).plain["validation"] == 2


def test_its_units_and_names(experiment):
    step = multimodal(experiment)
    assert (units(step), detail(step), panel(step)) == (100, "", "")
    assert CellSteps(experiment, 1).step("multimodal").digest != step.digest


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"stages.multimodal.examples": 0}, "stages.multimodal.examples",
         "stages.multimodal.examples should be at least 1, not 0."),
        ({"stages.multimodal.mixture": {"splitcap": 1.0, "vqa": -0.5}}, "stages.multimodal.mixture.vqa",
         "the weight of vqa should be at least 0, not -0.5."),
        ({"stages.multimodal.mixture": {"splitcap": 0.0}}, "stages.multimodal.mixture",
         "stages.multimodal.mixture has no task with a weight above 0."),
        ({"stages.multimodal.target_length": 20}, "stages.multimodal.target_length",
         "target_length 20 cannot hold what refcoco asks for: 4 coordinates, 16 mask tokens and the end need 21"),
        ({"stages.resolution.target_length": 20, "stages.transfer.start": "resolution",
          "stages.resolution.steps": [ResolutionStep(image_size=96, examples=40)]}, "stages.resolution.target_length",
         "target_length 20 cannot hold what refcoco asks for: 4 coordinates, 16 mask tokens and the end need 21"),
        ({"stages.transfer.target_length": 20}, "stages.transfer.target_length",
         "target_length 20 cannot hold what refcoco asks for: 4 coordinates, 16 mask tokens and the end need 21"),
        ({"runtime.devices": 3}, "runtime.devices",
         "3 ranks do not divide the batch of 10 of stages.multimodal;"
         " nearest: 2, by runtime.stages.multimodal.devices"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(experiment, changes, key, text):
    assert complaints(changed(experiment, changes), "multimodal") == [(key, text)]


def test_ranks_are_of_no_concern_where_nobody_asks_pali(experiment):
    encoder = changed(experiment, {"evaluate": ["probe"], "runtime.devices": 3})
    assert complaints(encoder, "multimodal") == complaints(experiment, "multimodal") == []


def test_short_targets_are_enough_where_no_regions_are_asked_for(experiment):
    short = {"stages.multimodal.target_length": 20, "evaluate": ["vqav2"]}
    assert complaints(changed(experiment, short), "multimodal") == []
