"""Why a step has to run: the first difference from the most similar artifact of its kind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakes import Loose

from pali3kit.catalogue import STAGE
from pali3kit.execution.reasons import Reasons, _flat
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step

MASK_TOKENIZER = Step(
    "mask_tokenizer", "mask_tokenizer", Loose({"training": {"examples": 10, "optimizer": {"name": "muon"}}}), seed=3
)
VISION = Step("vision", "vision", Loose({"n": 1}))

FEATURES = Step("features", "features", Loose({"split": "test", "count": 2}), 0, {"vision": VISION})


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for step in (MASK_TOKENIZER, VISION, FEATURES):
        store.work(step).mkdir(parents=True)
        store.publish(step, 1.0, threads=1)
    return store


def test_artifacts_of_folders_behind_the_store_are_compared_too(store, tmp_path):
    reasons = Reasons(Store(tmp_path / "new", read_from=[str(store.root), "memory://never"]))
    assert reasons.why(replace(MASK_TOKENIZER, seed=4)) == "seed: 4, was 3"


def test_artifacts_of_version_0_1_in_folders_behind_the_store(store, tmp_path):
    file = store.path(MASK_TOKENIZER) / "manifest.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({key: manifest[key] for key in manifest if key not in ("config", "sha256", "seal")}))
    reasons = Reasons(Store(tmp_path / "new", read_from=[str(store.root)]))
    assert reasons.why(replace(MASK_TOKENIZER, seed=4)) == "seed: 4, was 3"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step("language", "", Loose({})), "no artifact"),
        (replace(MASK_TOKENIZER, seed=4), "seed: 4, was 3"),
        (replace(MASK_TOKENIZER, config=Loose({"training": {"examples": 20, "optimizer": {"name": "muon"}}})),
         "training.examples: 20, was 10"),
        (replace(MASK_TOKENIZER, config=Loose({"training": {"examples": 20, "optimizer": {"name": "adamw"}}})),
         "training.examples: 20, was 10, and 1 more"),
        (replace(MASK_TOKENIZER, config=Loose({**MASK_TOKENIZER.config.values, "weights": "w" * 64})),
         f"weights: {'w' * 23}…, was nothing"),
        (replace(MASK_TOKENIZER, config=Loose({})), "training.examples: nothing, was 10, and 1 more"),
        (replace(VISION, parents={"tokenizer": MASK_TOKENIZER}), "parent tokenizer is new"),
        (replace(FEATURES, parents={}), "parent vision is gone"),
        (replace(FEATURES, parents={"vision": replace(VISION, seed=1)}),
         "parent vision differs"),
    ],
)  # fmt: skip
def test_the_first_difference_is_reported(store, step, text):
    assert Reasons(store).why(step) == text


def test_the_nearest_of_several_is_compared_with(store):
    far = replace(MASK_TOKENIZER, seed=9, config=Loose({"training": {"examples": 7, "optimizer": {"name": "adamw"}}}))
    store.work(far).mkdir(parents=True)
    store.publish(far, 1.0, threads=1)
    asked = replace(MASK_TOKENIZER, config=Loose({"training": {"examples": 11, "optimizer": {"name": "muon"}}}))
    assert Reasons(store).why(asked) == "training.examples: 11, was 10"


def test_a_raised_version_is_reported(store, monkeypatch):
    kind, origin = STAGE.found["mask_tokenizer"]
    monkeypatch.setitem(STAGE.found, "mask_tokenizer", (replace(kind, version=kind.version + 1), origin))
    assert (
        Reasons(store).why(replace(MASK_TOKENIZER, label="fresh")) == f"version: {kind.version + 1}, was {kind.version}"
    )


def test_an_artifact_in_a_renamed_folder_is_reported(store):
    store.path(MASK_TOKENIZER).rename(store.root / "masks.old")
    assert Reasons(store).why(MASK_TOKENIZER) == "its artifact's folder was renamed"


@pytest.mark.parametrize("text", ["[]", "null", '"x"', "{", '{"kind": "mask_tokenizer"}', '{"digest": "a"}'])
def test_what_is_not_a_manifest_is_passed_over(store, text):
    folder = store.root / "foreign"
    folder.mkdir()
    (folder / "manifest.json").write_text(text)
    assert Reasons(store).why(replace(MASK_TOKENIZER, seed=4)) == "seed: 4, was 3"


@pytest.mark.parametrize("damaged", [{"config": "text"}, {"config": None}, {"parents": [1]}])
def test_damaged_fields_of_a_manifest_count_as_empty(store, damaged):
    manifest = {**store.manifest(VISION), **damaged}
    (store.path(VISION) / "manifest.json").write_text(json.dumps(manifest))
    assert Reasons(store).why(replace(VISION, seed=1)).startswith("seed: 1, was 0")


@pytest.mark.parametrize("text", ["[1]", "", "a: [", "text"])
def test_damaged_configurations_of_version_0_1_count_as_empty(store, text):
    manifest = store.manifest(VISION)
    del manifest["config"]
    (store.path(VISION) / "manifest.json").write_text(json.dumps(manifest))
    (store.path(VISION) / "config.yaml").write_text(text)
    assert Reasons(store).why(replace(VISION, seed=1)) == "seed: 1, was 0, and 1 more"


def test_a_damaged_artifact_is_reported(store):
    (store.path(MASK_TOKENIZER) / "manifest.json").write_text("{")
    assert Reasons(store).why(MASK_TOKENIZER) == "damaged"


def test_an_artifact_of_version_0_1_is_read_from_its_config(store):
    manifest = store.manifest(VISION)
    del manifest["config"]
    (store.path(VISION) / "manifest.json").write_text(json.dumps(manifest))
    assert Reasons(store).why(replace(VISION, config=Loose({"n": 2}))) == "n: 2, was 1"


def test_configurations_are_compared_by_dotted_keys():
    assert _flat({"a": {"b": 1, "c": {"d": [1]}}, "e": None}) == {"a.b": 1, "a.c.d": [1], "e": None}
