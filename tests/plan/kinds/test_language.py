"""Stage 0b: the pretraining of the language model."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, step_of, units

from pali3kit.plan import content


def language(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "language", seed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.language.examples", 110),
        ("stages.language.length", 32),
        ("stages.language.prefix", "table"),
        ("stages.language.z_loss", 1e-4),
        ("stages.language.optimizer.name", "adamw"),
        ("stages.language.optimizer.options", {"momentum": 0.5}),
        ("tokenizer.bins", 32),
        ("tokenizer.vocabulary", 60),
        ("model.language.width", 16),
        ("model.mask_tokenizer.codes", 32),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert language(experiment, **{key: value}).digest != language(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.image_size", 128),
        ("model.vision.width", 16),
        ("pretrain", "classif"),
        ("data.train", 21),
        ("stages.vision.examples", 110),
        ("stages.multimodal.target_length", 8),
        ("stages.language.prefix", "appendix"),
        ("stages.language.optimizer.options", {}),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert language(experiment, **{key: value}).digest == language(experiment).digest


def test_each_seed_has_its_own(experiment):
    assert language(experiment, 1).digest != language(experiment).digest


def test_another_file_of_weights_is_another_start(experiment, tmp_path):
    def of(data):
        content._sha256.cache_clear()
        (tmp_path / "model.safetensors").write_bytes(data)
        return language(experiment, **{"model.language.weights": str(tmp_path / "model.safetensors")})

    assert len(of(b"a").plain["weights"]) == 64
    assert of(b"a").digest == of(b"a").digest != of(b"b").digest
    content._sha256.cache_clear()


def test_its_parent_and_units(experiment):
    step = language(experiment)
    assert kinds(step.parents) == {"corpus": "corpus", "tokenizer": "tokenizer"}
    assert (units(step), detail(step)) == (100, "")


def test_one_that_is_not_trained_reads_no_text(experiment):
    given = language(experiment, **{"stages.language.examples": 0})
    assert kinds(given.parents) == {"tokenizer": "tokenizer"}
    other = {"stages.language.examples": 0, "tokenizer.file": None, "stages.language.length": 32}
    assert kinds(language(experiment, **other).parents) == {"tokenizer": "tokenizer"}


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"stages.language.examples": 9}, "stages.language.examples",
         "stages.language.examples: 9 examples are less than one batch of 10"),
        ({"stages.language.length": 604}, "stages.language.length",  # 3 · 100.5 / 0.5 = 603
         "windows of 604 tokens have more spans than the 100 sentinels: at most 603"),
        ({"runtime.devices": 3}, "runtime.devices",
         "3 ranks do not divide the batch of 10 of stages.language; nearest: 2, by runtime.stages.language.devices"),
        ({"runtime.devices": 2, "runtime.strategy": "fsdp", "stages.language.optimizer.name": "muon"},
         "stages.language.optimizer.name", "muon works on whole matrices, but fsdp shards them: use adamw."),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(experiment, changes, key, text):
    assert complaints(changed(experiment, changes), "language") == [(key, text)]


@pytest.mark.parametrize("changes", [{}, {"stages.language.examples": 0}, {"stages.language.length": 603}])
def test_what_can(experiment, changes):
    """A pretrained model may be used without training."""
    assert complaints(changed(experiment, changes), "language") == []


def test_how_it_denoises_is_hashed_only_where_it_is_said(experiment):
    assert not {"prefix", "z_loss"} & language(experiment).plain["training"].keys()
    told = ({}, {"stages.language.prefix": "table"}, {"stages.language.z_loss": 1e-4})
    assert len({language(experiment, **changes).digest for changes in told}) == 3
