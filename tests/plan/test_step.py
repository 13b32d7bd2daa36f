from __future__ import annotations

import pickle

import pytest
from fakes import Loose

from pali3kit.plan.step import Step, ancestry, critical_path

ROOT = Step("tokenizer", "root", Loose({"a": 1, "b": [1, 2]}))


def test_digest_ignores_label_and_order_of_keys():
    assert ROOT.digest == Step("tokenizer", "another", Loose({"b": [1, 2], "a": 1})).digest
    assert ROOT.name == f"tokenizer-{ROOT.digest[:12]}"
    assert len(ROOT.digest) == 64


@pytest.mark.parametrize(
    "other",
    [
        Step("mask_tokenizer", "root", Loose({"a": 1, "b": [1, 2]})),
        Step("tokenizer", "root", Loose({"a": 1, "b": [2, 1]})),
        Step("tokenizer", "root", Loose({"a": 1, "b": [1, 2]}), seed=1),
        Step("tokenizer", "root", Loose({"a": 1, "b": [1, 2]}), parents={"x": Step("mask_tokenizer", "", Loose({}))}),
    ],
)
def test_digest_covers_kind_config_seed_and_parents(other):
    assert other.digest != ROOT.digest


def test_a_parents_role_matters():
    first, second = Step("mask_tokenizer", "", Loose({"n": 1})), Step("mask_tokenizer", "", Loose({"n": 2}))
    assert (
        Step("probe", "", Loose({}), 0, {"a": first, "b": second}).digest
        != Step("probe", "", Loose({}), 0, {"a": second, "b": first}).digest
    )


def test_a_nan_is_refused():
    with pytest.raises(ValueError):
        _ = Step("mask_tokenizer", "", Loose({"rate": float("nan")})).digest


def test_steps_travel_to_workers():
    child = Step("language", "child", Loose({"c": 1}), 3, {"tokenizer": ROOT})
    again = pickle.loads(pickle.dumps(child))
    assert again.digest == child.digest and again.parents["tokenizer"].label == "root"


def test_critical_path_is_the_longest_chain_to_an_end():
    left = Step("features", "left", Loose({}), 0, {"p": ROOT})
    right = Step("mask_tokenizer", "right", Loose({}), 0, {"p": ROOT})
    last = Step("evaluate", "last", Loose({}), 0, {"l": left, "r": right})
    steps = ancestry([last])
    assert [step.label for step in steps] == ["root", "left", "right", "last"]
    longest = critical_path(steps, {ROOT.digest: 1.0, left.digest: 10.0, right.digest: 2.0, last.digest: 4.0})
    assert [longest[step.digest] for step in steps] == [15.0, 14.0, 6.0, 4.0]
