"""Stage 0a: each method depends on its own fields only."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, panel, rerun, step_of, units

from pali3kit.config.component import Component
from pali3kit.plan import content
from pali3kit.plan.graph import build

ARMS = ("siglip", "classif", "random", "pretrained")
BOTH = {
    "stages.vision.examples": 110,
    "stages.vision.batch_size": 20,
    "stages.vision.crop": 0.5,
    "stages.vision.flip": True,
    "stages.vision.freeze": ["patches.*"],
    "stages.vision.optimizer.learning_rate": 0.5,
    "stages.vision.optimizer.cooldown": 0.1,
}
SIGLIP = {
    "stages.vision.temperature": 5.0,
    "stages.vision.bias": -5.0,
    "stages.vision.text_length": 16,
    "stages.vision.text.depth": 2,
    "tokenizer.vocabulary": 60,
}
CLASSIF = {"stages.vision.head_bias": -5.0, "stages.vision.loss": "softmax"}
MODEL = {"model.vision.width": 16, "model.image_size": 128}
NOBODY = {
    "data.train": 21,
    "data.test": 3,
    "stages.language.examples": 90,
    "model.language.width": 16,
    "evaluation.shots": 3,
    "model.vision.weights": None,
}


def vision(experiment, arm, seed=0, **changes):
    return step_of(changed(experiment, {"pretrain": arm, **changes}), "vision", seed)


@pytest.mark.parametrize(
    ("arm", "read"),
    [("siglip", BOTH | SIGLIP | MODEL), ("classif", BOTH | CLASSIF | MODEL), ("random", MODEL), ("pretrained", MODEL)],
)
def test_what_makes_an_arm_another_encoder(experiment, arm, read):
    before = vision(experiment, arm).digest
    everything = BOTH | SIGLIP | CLASSIF | MODEL | NOBODY
    again = {key for key, value in everything.items() if vision(experiment, arm, **{key: value}).digest != before}
    assert again == read.keys()


@pytest.mark.parametrize("arm", ARMS)
def test_each_seed_has_its_own(experiment, arm):
    assert vision(experiment, arm, 1).digest != vision(experiment, arm).digest


def test_seeds_share_an_encoder_with_a_seed_of_its_own(experiment):
    asked = changed(experiment, {"seeds": [1, 2], "stages.vision.seed": 0})
    found = [step for step in build(asked).steps if step.kind == "vision"]
    assert {step.label: step.seed for step in found} == {"vision classif": 0, "vision siglip": 0}


WORLD = {"name": "world", "objects": 40}


def on_world(experiment, arm, key="stages.vision.source", **options):
    return vision(experiment, arm, **{key: Component(name="world", options={"objects": 40, **options})})


def test_its_own_source_is_that_of_data(experiment):
    own, data = (on_world(experiment, "classif", key) for key in ("stages.vision.source", "data.source"))
    assert own.digest == data.digest and own.plain["source"] == WORLD and "source" not in own.plain["training"]


def test_labels_are_read_by_classification_alone(experiment):
    """Those of an own source change no other step: the rest reads `data.source`."""
    told = {"labels_per_image": None, "wrong_labels": 0.0}
    assert on_world(experiment, "classif", **told).plain["source"] == {**WORLD, **told}
    assert on_world(experiment, "siglip", **told).digest == on_world(experiment, "siglip").digest
    before, after = (
        changed(experiment, {"stages.vision.source": Component(name="world", options={"objects": 40, **options})})
        for options in ({}, told)
    )
    moved = rerun(build(before), build(after))
    assert "vision classif" in moved and all("classif" in label for label in moved)


def test_the_default_labels_written_out_change_nothing(experiment):
    told = {"labels_per_image": 1.25, "wrong_labels": 0.2}
    assert on_world(experiment, "classif", **told).digest == on_world(experiment, "classif").digest


def test_arms_are_different_steps(experiment):
    assert len({vision(experiment, arm).digest for arm in ARMS}) == 4


def test_texts_are_read_by_siglip_alone(experiment):
    assert {arm: kinds(vision(experiment, arm).parents) for arm in ARMS} == {
        "siglip": {"tokenizer": "tokenizer"}, "classif": {}, "random": {}, "pretrained": {},
    }  # fmt: skip


def test_without_pretraining_there_is_no_data(experiment):
    assert vision(experiment, "random").plain == {
        "pretrain": "random", "image_size": 64,
        "vision": {"name": "vit", "width": 8, "depth": 1, "heads": 1, "mlp": 8, "patch": 8},
    }  # fmt: skip


def test_the_configuration_has_nothing_of_the_other_arm(experiment):
    siglip, classif = (vision(experiment, arm).plain["training"] for arm in ("siglip", "classif"))
    assert "head_bias" not in siglip and siglip["temperature"] == 10.0
    assert not {"temperature", "bias", "text", "text_length"} & classif.keys() and classif["head_bias"] == -10.0


def test_new_images_make_another_step(experiment):
    source = vision(experiment, "classif")
    assert source.plain["data"] == "images" and source.plain["source"] == {"name": "fake"}


def test_another_file_of_weights_is_another_start(experiment, tmp_path):
    def of(data):
        content._sha256.cache_clear()
        (tmp_path / "w.npz").write_bytes(data)
        return vision(experiment, "pretrained", **{"model.vision.weights": str(tmp_path / "w.npz")})

    assert of(b"a").digest == of(b"a").digest != of(b"b").digest
    content._sha256.cache_clear()


def test_each_arm_has_a_panel_of_its_own_since_losses_differ(experiment):
    assert [panel(vision(experiment, arm)) for arm in ARMS] == list(ARMS)
    assert detail(vision(experiment, "siglip")) == ""


def test_its_units_are_its_examples(experiment):
    assert units(vision(experiment, "siglip", **{"stages.vision.examples": 110})) == 110
    assert units(vision(experiment, "random")) == 1


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"stages.vision.examples": 0}, "stages.vision.examples",
         "stages.vision.examples should be at least 1, not 0."),
        ({"stages.vision.examples": 5}, "stages.vision.examples",
         "stages.vision.examples: 5 examples are less than one batch of 10"),
        ({"runtime.devices": 4}, "runtime.devices",
         "4 ranks do not divide the batch of 10 of stages.vision;"
         " nearest: 5, by runtime.stages.vision.devices"),
        ({"runtime.devices": 2, "runtime.strategy": "fsdp"}, "stages.vision.optimizer.name",
         "muon works on whole matrices, but fsdp shards them: use adamw."),
    ],
)  # fmt: skip
def test_budgets_that_cannot_be_spent(experiment, changes, key, text):
    assert complaints(changed(experiment, changes), "vision") == [(key, text)]


def test_an_encoder_that_cannot_learn_in_the_memory_that_there_is(experiment):
    """One block, 8 wide; a random encoder is not trained."""
    shape = {"size": None, "width": 8, "depth": 1, "heads": 1, "mlp": 8, "patch": 8}
    small = {"model.vision": Component(name="vit", options=shape), "runtime.memory": 1e-6}
    # patches (3*64+1)*8, positions 64*8, attention 4*(64+8), MLP 9*8+9*8, norms 4*8+2*8
    parameters = 193 * 8 + 64 * 8 + 4 * 72 + 2 * 72 + 48
    [(key, text)] = complaints(changed(experiment, small), "vision")
    assert key == "stages.vision" and text.startswith(f"{parameters:,} parameters with muon need at least 0.0 GiB")
    assert complaints(changed(experiment, {**small, "pretrain": "random"}), "vision") == []


def test_the_fakes_budgets_can_be_spent(experiment):
    assert complaints(experiment, "vision") == []


def test_a_neutral_option_is_not_hashed(experiment):
    """New options must not invalidate old results."""
    step = vision(experiment, "siglip")
    assert "cooldown" not in step.plain["training"]["optimizer"]
    cooled = vision(experiment, "siglip", **{"stages.vision.optimizer.cooldown": 0.1})
    assert cooled.plain["training"]["optimizer"]["cooldown"] == 0.1 and cooled.digest != step.digest


@pytest.mark.parametrize("arm", ["siglip", "classif"])
def test_training_goes_on_from_other_weights_too(experiment, arm, tmp_path):
    def of(data):
        content._sha256.cache_clear()
        (tmp_path / "w.npz").write_bytes(data)
        return vision(experiment, arm, **{"model.vision.weights": str(tmp_path / "w.npz")}).digest

    assert of(b"a") == of(b"a") != of(b"b")
    content._sha256.cache_clear()
