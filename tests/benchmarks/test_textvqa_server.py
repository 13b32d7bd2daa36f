"""TextVQA by its server's accuracy: the transfer and the files are those of `textvqa`."""

from __future__ import annotations

from typing import Any

from pali3kit.benchmarks.questions import TEXTVQA
from pali3kit.benchmarks.textvqa_server import TEXTVQA_SERVER


def test_from_files_to_score(put: Any, measured: Any) -> None:
    entry = {
        "question_id": 7,
        "question": "what does it say?",
        "image_id": "0a1b",
        "image_width": 40,
        "image_height": 30,
    }
    for split in ("train", "val"):
        put(f"textvqa/TextVQA_0.5.1_{split}.json", {"data": [{**entry, "answers": ["coca-cola"] * 10}]})
    put("textvqa/train_images/0a1b.jpg", 5)
    assert measured("textvqa_server").score("Coca Cola").samples == [100]
    assert measured("textvqa").score("Coca Cola").samples == [0]


def test_it_measures_the_same_model() -> None:
    ours, theirs = TEXTVQA_SERVER.public[0], TEXTVQA.public[0]
    assert TEXTVQA_SERVER.transfer == "textvqa" and ours.paths == theirs.paths and ours.title != theirs.title
