"""The steps that stand for the parts of a saved PaLI."""

from __future__ import annotations

from pathlib import Path

import pytest
from random_pali import start_from

from pali3kit.config.load import load
from pali3kit.execution.workload import sizes
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step


@pytest.fixture(scope="module")
def steps(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Step]:
    words = start_from(tmp_path_factory.mktemp("own"), saved, "evaluate=[vqav2]")
    return {step.label: step for step in build(load(words[0], words[1:])).steps}


def test_its_folder_is_in_no_digest(steps: dict[str, Step]) -> None:
    for label in ("saved/tokenizer", "saved/vision", "saved/pali"):
        assert "folder" not in steps[label].plain and len(str(steps[label].plain["weights"])) == 64


def test_costs_are_forecast_by_the_components_of_the_folder(steps: dict[str, Step]) -> None:
    found = sizes(steps["transfer/vqa"])
    assert (found.image_size, found.vision["width"], found.language["width"], found.codes) == (32, 16, 16, 8)
    assert found.rows and found.vocabulary_size == found.rows + 100 + 3 + 8  # sentinels, modes, codes


def test_the_mixture_of_stage_1_has_no_projector_of_its_own(steps: dict[str, Step]) -> None:
    assert "projector" not in steps["multimodal"].plain and steps["saved/pali"].plain["projector"] == {"name": "linear"}
