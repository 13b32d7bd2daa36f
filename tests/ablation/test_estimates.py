from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pali3kit.ablation.estimates import Forecast, count_parameters, simulate
from pali3kit.ablation.graph import build
from pali3kit.ablation.node import Node
from pali3kit.ablation.store import Store


def store_of(experiment):
    return Store(Path(experiment.runtime.store))


def publish(store, node, seconds, threads=1):
    store.work(node).mkdir(parents=True)
    store.publish(node, seconds, threads)


def test_simulated_schedules():
    first = Node("tokenizer", "first", {})
    arms = [Node("vision", "", {"n": n}, 0, {"t": first}) for n in range(3)]
    last = Node("probe", "", {}, 0, {"v": arms[0]})
    nodes = [first, *arms, last]
    seconds = {first.digest: 1.0, **{arm.digest: 10.0 for arm in arms}, last.digest: 5.0}
    assert simulate(nodes, seconds, 1) == 36.0
    assert simulate(nodes, seconds, 2) == 21.0
    assert simulate(nodes, seconds, 3) == 16.0
    assert simulate([], {}, 2) == 0.0


def test_history_of_the_same_shape_beats_that_of_the_kind(experiment):
    store = store_of(experiment)
    nodes = {node.label: node for node in build(experiment).nodes}
    assert Forecast(store, 1).estimate(nodes["transfer/vqa classif"]).origin == "unknown"
    publish(store, nodes["transfer/refer classif"], 50.0)
    assert Forecast(store, 1).estimate(nodes["transfer/vqa classif"]).seconds == pytest.approx(100.0)
    assert Forecast(store, 1).estimate(nodes["transfer/vqa classif"]).origin == "rough"
    publish(store, nodes["transfer/vqa siglip"], 20.0)
    estimate = Forecast(store, 1).estimate(nodes["transfer/vqa classif"])
    assert (estimate.seconds, estimate.origin) == (pytest.approx(20.0), "measured")
    publish(store, replace(nodes["transfer/vqa classif"], config=_longer(nodes["transfer/vqa classif"], 2000)), 800.0)
    assert Forecast(store, 1).estimate(nodes["transfer/vqa classif"]).seconds == pytest.approx(20.0), "nearest length"
    assert Forecast(store, 2).estimate(nodes["transfer/vqa classif"]).origin == "unknown"


def _longer(node, examples):
    return {**node.config, "training": {**node.config["training"], "examples": examples}}


def test_a_scheduler_gets_a_weight_for_every_stage(experiment):
    nodes = build(experiment).nodes
    weights = Forecast(store_of(experiment), 1).weights(nodes)
    assert weights.keys() == {node.digest for node in nodes} and min(weights.values()) > 0


def test_other_versions_manifests_teach_nothing(experiment):
    store = store_of(experiment)
    (store.root / "masks-old").mkdir(parents=True)
    (store.root / "masks-old" / "manifest.json").write_text('{"kind": "masks"}')
    assert Forecast(store, 1).by_kind == {}


def test_parameters_are_counted_from_the_header(tmp_path):
    save_file({"w": np.zeros((3, 4), np.float16), "scale": np.zeros((), np.float32)}, tmp_path / "w.safetensors")
    assert count_parameters(tmp_path / "w.safetensors") == 13
    assert count_parameters(tmp_path / "none.safetensors") is None
    (tmp_path / "bad.safetensors").write_text("no weights at all")
    assert count_parameters(tmp_path / "bad.safetensors") is None
