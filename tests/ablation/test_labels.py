from __future__ import annotations

import fakes

from pali3kit.ablation.graph import build


def labels(graph):
    return {node.label for node in graph.nodes}


def test_labels_are_unique_and_say_what_differs(tmp_path):
    graph = build(fakes.experiment(tmp_path, seeds=[0, 1]))
    assert len(labels(graph)) == len(graph.nodes)
    assert {"tokenizer", "masks", "language seed 0", "vision siglip seed 1", "transfer/vqa classif seed 0"} <= labels(
        graph
    )
