from __future__ import annotations

import pickle

import pytest

from pali3kit.ablation.node import Node, ancestry, critical_path

ROOT = Node("tokenizer", "root", {"a": 1, "b": [1, 2]})


def test_digest_ignores_label_and_order_of_keys():
    assert ROOT.digest == Node("tokenizer", "another", {"b": [1, 2], "a": 1}).digest
    assert ROOT.name == f"tokenizer-{ROOT.digest[:12]}"
    assert len(ROOT.digest) == 64


@pytest.mark.parametrize(
    "other",
    [
        Node("masks", "root", {"a": 1, "b": [1, 2]}),
        Node("tokenizer", "root", {"a": 1, "b": [2, 1]}),
        Node("tokenizer", "root", {"a": 1, "b": [1, 2]}, seed=1),
        Node("tokenizer", "root", {"a": 1, "b": [1, 2]}, parents={"x": Node("masks", "", {})}),
    ],
)
def test_digest_covers_kind_config_seed_and_parents(other):
    assert other.digest != ROOT.digest


def test_a_parents_role_matters():
    first, second = Node("masks", "", {"n": 1}), Node("masks", "", {"n": 2})
    assert (
        Node("x", "", {}, 0, {"a": first, "b": second}).digest != Node("x", "", {}, 0, {"a": second, "b": first}).digest
    )


def test_a_nan_is_refused():
    with pytest.raises(ValueError):
        _ = Node("masks", "", {"rate": float("nan")}).digest


def test_nodes_travel_to_workers():
    child = Node("language", "child", {"c": 1}, 3, {"tokenizer": ROOT})
    again = pickle.loads(pickle.dumps(child))
    assert again.digest == child.digest and again.parents["tokenizer"].label == "root"


def test_critical_path_is_the_longest_chain_to_an_end():
    left = Node("features", "left", {}, 0, {"p": ROOT})
    right = Node("masks", "right", {}, 0, {"p": ROOT})
    last = Node("evaluate", "last", {}, 0, {"l": left, "r": right})
    nodes = ancestry([last])
    assert [node.label for node in nodes] == ["root", "left", "right", "last"]
    longest = critical_path(nodes, {ROOT.digest: 1.0, left.digest: 10.0, right.digest: 2.0, last.digest: 4.0})
    assert [longest[node.digest] for node in nodes] == [15.0, 14.0, 6.0, 4.0]
