from __future__ import annotations

import fakes

from pali3kit.plan.graph import build


def labels(graph):
    return {step.label for step in graph.steps}


def test_labels_are_unique_and_say_what_differs(tmp_path):
    graph = build(fakes.experiment(tmp_path, seeds=[0, 1]))
    assert len(labels(graph)) == len(graph.steps)
    assert {"tokenizer", "masks", "language seed 0", "vision siglip seed 1", "transfer/vqa classif seed 0"} <= labels(
        graph
    )


def test_parts_are_shown_by_their_names_where_these_tell_them_apart(tmp_path):
    mlp, linear = {"name": "mlp", "hidden": 64}, {"name": "linear", "positions": "none"}

    def shown(*values):
        graph = build(fakes.experiment(tmp_path, grid={"model.projector": list(values)}))
        return {step.label for step in graph.steps if step.kind == "multimodal"}

    assert shown(mlp, linear) == {"multimodal mlp", "multimodal linear"}
    assert shown(mlp, {**mlp, "hidden": 32}) == {"multimodal mlp (hidden 64)", "multimodal mlp (hidden 32)"}
