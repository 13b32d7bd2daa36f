"""The experiment on sixteen encoders: what they share with others, by the golden digests of its steps."""

from __future__ import annotations

import json
from pathlib import Path

from pali3kit.execution.places import SHIPPED

GOLDEN = json.loads((Path(__file__).parent / "golden" / "digests.json").read_text())
SIXTEEN: dict[str, str] = GOLDEN["which_encoder embedded"]
SCALING = {*GOLDEN["data_scaling embedded"].values()}
SHARED = [f"{arm} {images}" for images in ("448k", "179k", "45k") for arm in ("SigLIP", "Classif")] + ["Random"]


def digests(kind: str) -> dict[str, str]:
    """The digests of the steps of a kind by arm."""
    return {label.removeprefix(f"{kind} "): digest for label, digest in SIXTEEN.items() if label.startswith(f"{kind} ")}


def test_sixteen_encoders_differ() -> None:
    encoders = digests("vision")
    assert len(encoders) == len({*encoders.values()}) == 16


def test_two_of_them_ship() -> None:
    shipped = {folder.name for folder in SHIPPED.glob("vision-*")}
    assert shipped and {f"vision-{digests('vision')[name][:12]}" for name in ("SigLIP 448k", "Classif 448k")} >= shipped


def test_seven_share_all_training_but_their_text_towers_with_the_data_scaling() -> None:
    for kind in ("vision", "multimodal", "transfer/caption", "transfer/vqa_text", "transfer/refer", "probe"):
        found = digests(kind)
        assert {name for name in found if found[name] in SCALING} == {*SHARED}, kind


def test_every_encoder_has_a_text_tower_a_throughput_and_a_memory() -> None:
    for kind in ("lit", "throughput", "memory", "linear", "zero_shot"):
        assert len({*digests(kind).values()}) == 16


def test_six_make_a_try() -> None:
    quick: dict[str, str] = GOLDEN["which_encoder_quick quick"]
    assert len([label for label in quick if label.startswith("vision ")]) == 6
