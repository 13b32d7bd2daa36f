"""The experiment on numbers of pretraining images: what its points share, and what ships of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.execution.places import SHIPPED
from pali3kit.plan.graph import Graph, build
from pali3kit.plan.step import Step, ancestry
from pali3kit.report import redraw
from pali3kit.report.outcomes import read_outcomes
from pali3kit.report.table import with_interval

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


def test_the_report_is_repeated_from_the_outcomes_in_the_repository(tmp_path: Path) -> None:
    kept = FILE.parents[1] / "docs" / "outcomes"
    reading = ["probe", "coco", "textvqa"]
    for outcomes, chart, shown in (
        ("data_scaling", "data_scaling", []),
        ("data_scaling", "data_scaling_finding", reading),
        ("table5", "table5", []),
    ):
        file = tmp_path / f"{chart}.json"
        file.write_bytes((kept / f"{outcomes}.json").read_bytes())
        redraw(file, shown)
        drawn = (file.with_suffix("") / "report-transfer.svg").read_text()
        assert drawn == (kept / f"{chart}.svg").read_text()


def test_the_page_has_the_numbers_of_the_outcomes() -> None:
    page = (FILE.parents[1] / "docs" / "data-scaling.md").read_text()
    [table] = read_outcomes(FILE.parents[1] / "docs" / "outcomes" / "data_scaling.json").tables
    names = ("probe", "knn.top1", "coco", "xm3600.en", "xm3600.avg35", "vqav2", "okvqa", "textvqa",
             "refcoco", "refcoco_plus", "refcocog")  # fmt: skip
    for row in table.rows:
        cells = [row.cells[f"embedded/{name}"] for name in names]
        shown = [cell.ours if row.point["pretrain"] == "classif" else cell.delta for cell in cells]
        if row.point["pretrain"] != "random":
            assert " | ".join(with_interval(each, bool(row.baseline)) for each in shown if each) in page


def test_the_page_of_videos_has_the_numbers_of_its_outcomes() -> None:
    page = (FILE.parents[1] / "docs" / "video.md").read_text()
    [table] = read_outcomes(FILE.parents[1] / "docs" / "outcomes" / "table5.json").tables
    ours = [row for row in table.rows if row.point]
    assert len(ours) == 8
    for row in ours:
        for name in ("embedded/msrvtt", "embedded/msrvtt_qa"):
            cell = row.cells[name]
            assert cell.ours and f" {with_interval(cell.ours, False)} |" in page
            if cell.delta and name == "embedded/msrvtt":
                assert f" {with_interval(cell.delta, True)} |" in page
