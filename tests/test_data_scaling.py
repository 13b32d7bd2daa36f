"""The experiment on numbers of pretraining images: what its points share, and what ships of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.execution.places import SHIPPED
from pali3kit.plan.graph import Graph, build
from pali3kit.plan.step import Step, ancestry

FILE = Path(__file__).parents[1] / "experiments" / "data_scaling.yaml"
IMAGES = "stages.vision.examples"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(load(FILE, ["seeds=[0,1]"]))


def steps(graph: Graph, kind: str, **where: object) -> set[Step]:
    """The steps of a kind below the cells with these values of `pretrain`, `images` and `seed`."""
    below = []
    for cell in graph.cells:
        values = {"pretrain": cell.point["pretrain"], "images": cell.point[IMAGES], "seed": cell.seed}
        below += cell.columns.values() if where.items() <= values.items() else []
    return {step for step in ancestry(below) if step.kind == kind}


def test_at_448_000_images_and_seed_0_the_encoders_are_those_that_ship(graph: Graph) -> None:
    shipped = {folder.name for folder in SHIPPED.glob("vision-*")}
    assert {step.name for step in steps(graph, "vision", images=448_000, seed=0)} >= shipped != set()
    assert not shipped & {step.name for step in steps(graph, "vision", images=448_000, seed=1)}


def test_the_control_does_not_depend_on_the_number_of_images(graph: Graph) -> None:
    for kind in ("vision", "multimodal", "probe"):
        assert len(steps(graph, kind, pretrain="random", seed=0)) == 1
        assert len(steps(graph, kind, pretrain="random")) == 2  # seeds


def test_points_differ_in_the_number_of_images_alone(graph: Graph) -> None:
    """Each is a pretraining of its own, with its own schedule; later stages are equal but for their parents."""
    for arm in ("classif", "siglip"):
        found = steps(graph, "vision", pretrain=arm, seed=0)
        plain = [{**step.plain, "training": {**step.plain["training"], "examples": 0}} for step in found]  # type: ignore[dict-item]
        assert len(found) == 5 and all(each == plain[0] for each in plain)
        later = [step.plain for step in steps(graph, "multimodal", pretrain=arm, seed=0)]
        assert len(later) == 5 and all(each == later[0] for each in later)


def test_a_seed_has_encoders_of_its_own_and_shares_the_language_model(graph: Graph) -> None:
    assert {step.seed for step in steps(graph, "vision")} == {0, 1}
    assert {step.seed for step in steps(graph, "language")} == {0}


def test_the_measures_of_texts_are_siglips_alone(graph: Graph) -> None:
    for kind in ("zero_shot", "retrieval"):
        assert len(steps(graph, kind, seed=0)) == len(steps(graph, kind, pretrain="siglip", seed=0)) == 5
    assert len(steps(graph, "knn", seed=0)) == 11
