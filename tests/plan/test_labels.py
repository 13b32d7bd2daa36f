"""Labels of steps for people."""

from __future__ import annotations

import fakes
import pytest
from planned import changed, labels, on_classes

from pali3kit.config.component import Component
from pali3kit.plan.graph import _label_steps, axis_label, build, value_label


def test_labels_are_unique_and_say_what_differs(tmp_path):
    graph = build(fakes.experiment(tmp_path, seeds=[0, 1]))
    assert len(labels(graph)) == len(graph.steps)
    assert {
        "tokenizer",
        "mask_tokenizer seed 0",
        "language seed 0",
        "vision siglip seed 1",
        "transfer/vqa classif seed 0",
    } <= labels(graph)


def test_seeds_of_stages_do_not_look_like_those_of_the_run(tmp_path):
    graph = build(fakes.experiment(tmp_path, seeds=[1, 2], grid={"stages.vision.seed": [0, 1]}))
    assert len(labels(graph)) == len(graph.steps)
    assert {"vision vision seed 0", "vision vision seed 1", "language seed 1", "multimodal vision seed 0 seed 1"} <= (
        labels(graph)
    )


@pytest.mark.parametrize(
    ("key", "text"),
    [("pretrain", "pretrain"), ("model.image_size", "image_size"), ("stages.vision.seed", "vision seed")],
)
def test_axes_are_called_by_their_last_word_and_seeds_by_what_they_are_of(key, text):
    assert axis_label(key) == text


def test_components_are_shown_by_their_names_if_these_differ(tmp_path):
    mlp, linear = {"name": "mlp", "hidden": 64}, {"name": "linear", "positions": "none"}

    def shown(*values):
        graph = build(fakes.experiment(tmp_path, grid={"model.projector": list(values)}))
        return {step.label for step in graph.steps if step.kind == "multimodal"}

    assert shown(mlp, linear) == {"multimodal mlp", "multimodal linear"}
    assert shown(mlp, {**mlp, "hidden": 32}) == {"multimodal mlp (hidden 64)", "multimodal mlp (hidden 32)"}
    plain = {"hidden": 64, "positions": "none"}
    long = [{"name": "mlp", **plain}, {"name": "mlp", **plain, "positions": "sine2d"}, linear]
    assert shown(*long) == {"multimodal mlp (positions none)", "multimodal mlp (positions sine2d)", "multimodal linear"}
    assert shown("mlp", mlp) == {"multimodal mlp", "multimodal mlp (hidden 64)"}


def test_sets_for_the_encoder_alone_have_labels_of_their_own(experiment):
    asked = changed(on_classes(experiment), {"evaluate": ["finetune", "linear", "knn", "zero_shot", "retrieval"]})
    found = [step.label for step in build(asked).steps]
    assert len(set(found)) == len(found)
    assert {"embed/world_classes.train siglip", "embed/world_classes.test+v2 logits siglip", "classify/finetune siglip",
            "embed/world_captions.test siglip"} <= set(found)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        ("siglip", "siglip"),
        (None, "null"),
        (True, "true"),
        ({"name": "world", "labels_per_image": None}, "world (labels_per_image null)"),
        (Component(name="vit", options={"width": 8}), "vit"),
        ({"name": "mlp"}, "mlp"),
        ({"name": "mlp", "hidden": 64, "positions": "none"}, "mlp (hidden 64, positions none)"),
        ({"name": "union", "part": {"name": "tsv", "path": "a"}}, "union (part tsv (path a))"),
        ({"splitcap": 1.0}, "{'splitcap': 1.0}"),
    ],
)
def test_values_of_a_grid_are_shown_short(value, text):
    assert value_label(value) == text


def test_an_experiment_without_cells_has_no_labels():
    assert _label_steps([]) == []
