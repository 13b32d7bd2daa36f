"""Zero-shot classification by texts."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, on_classes, step_of, units

from pali3kit.config.component import Component
from pali3kit.errors import DataError


@pytest.fixture
def experiment(experiment):
    return on_classes(experiment)


def zero_shot(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "zero_shot", seed)


def test_its_configuration(experiment):
    assert zero_shot(experiment).plain == {"prompts": "clip", "splits": ["test", "v2"]}


@pytest.mark.parametrize(
    ("key", "value"),
    [("evaluation.prompts", "photo"), ("stages.lit.temperature", 5.0), ("stages.vision.examples", 110)],
)
def test_changes_of_its_digest(experiment, key, value):
    assert zero_shot(experiment, **{key: value}).digest != zero_shot(experiment).digest


@pytest.mark.parametrize(("key", "value"), [("evaluation.crop", 0.875), ("evaluation.neighbours", 3)])
def test_no_changes_of_its_digest(experiment, key, value):
    """Its images are not cropped: texts describe all of them."""
    assert zero_shot(experiment, **{key: value}).digest == zero_shot(experiment).digest


def test_texts_are_read_by_the_tuned_tower_or_by_siglips_own(experiment):
    assert kinds(zero_shot(experiment).parents) == {"test": "embed", "dual_encoder": "lit", "tokenizer": "tokenizer"}
    own = zero_shot(experiment, **{"evaluation.text_tower": "own"})
    assert kinds(own.parents) == {"test": "embed", "dual_encoder": "vision", "tokenizer": "tokenizer"}


def test_a_published_dual_encoder_reads_them_itself(experiment):
    towers = Component(name="open_clip/ViT-B-32", options={"pretrained": "openai"})
    step = zero_shot(experiment, **{"model.dual_encoder": towers})
    assert kinds(step.parents) == {"test": "embed"}
    assert step.plain["dual_encoder"] == {"name": "open_clip/ViT-B-32", "pretrained": "openai"}


def test_a_class_without_a_name_cannot_be_asked_for(experiment, tmp_path):
    file = tmp_path / "val" / "n99999999" / "ILSVRC2012_val_00000001.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"an image")
    part = Component(name="imagenet", options={"path": str(tmp_path)})
    told = r"^class n99999999 has no name for the prompts: give a file of names \(evaluation\.labelled\.names\)$"
    with pytest.raises(DataError, match=told):
        zero_shot(experiment, **{"evaluation.labelled": part})


def test_it_is_not_seeded_and_is_one_unit(experiment):
    step = zero_shot(experiment, 2)
    assert (step.seed, units(step), detail(step)) == (0, 1, "") and complaints(experiment, "zero_shot") == []
