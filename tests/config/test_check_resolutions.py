"""Sizes of images: of the encoder, of stage 2 and of transfers, and whether they fit together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakes
import pytest
from planned import changed

from pali3kit.config.check_compatibility import check_resolutions
from pali3kit.config.component import Component
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Recipe, ResolutionStep

Cell = Callable[..., Experiment]
VIT = {"size": None, "width": 8, "depth": 1, "heads": 1, "mlp": 8, "patch": 8}


def steps(*sizes: int, examples: int = 40) -> dict[str, Any]:
    return {"stages.resolution.steps": [ResolutionStep(image_size=size, examples=examples) for size in sizes]}


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """The fake experiment, whose transfers start from stage 2, with other values at dotted keys."""
    wanted = {"stages.transfer.start": "resolution", "model.vision": Component(name="vit", options=VIT)}
    return lambda **changes: changed(fakes.experiment(tmp_path), {**wanted, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        steps(96, 128),
        {**steps(96), "stages.transfer.image_size": 96},
        {**steps(96), "stages.transfer.image_size": 64},
        {"stages.transfer.start": "multimodal"},
        {**steps(100), "stages.transfer.start": "multimodal"},  # nobody wants it
    ],
)
def test_sizes_that_fit(cell: Cell, changes: dict[str, Any]) -> None:
    assert list(check_resolutions(cell(**changes))) == []


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        (steps(96, 100), "stages.resolution.steps[1].image_size",
         "patch 8 does not divide image_size 100; nearest: 10"),
        (steps(96, examples=5), "stages.resolution.steps[0].examples",
         "5 examples are less than one batch of 32"),
        ({**steps(96), "stages.transfer.image_size": 97}, "stages.transfer.image_size",
         "no model of 97 pixels is trained. Did you mean '96'?"),
        ({**steps(96), "stages.transfer.benchmarks": {"coco": Recipe(image_size=128)}},
         "stages.transfer.benchmarks.coco.image_size", "no model of 128 pixels is trained. Choose from 64, 96."),
        ({**steps(96), "model.vision": Component(name="open_clip/ViT-B-32")}, "stages.resolution.steps[0]",
         "open_clip/ViT-B-32 works at one resolution alone: take timm/, hf/ or vit for stage 2."),
        ({**steps(72), "model.projector": Component(name="pixel_shuffle", options={"factor": 2})},
         "stages.resolution.steps[0].image_size", "squares of 2 tokens do not fill a grid of 9x9; nearest: 3"),
        ({**steps(48), "data.source": Component(name="world")}, "stages.resolution.steps[0].image_size",
         "scenes of the world need at least 64 pixels, not 48"),
        ({}, "stages.transfer.start",
         "stages.transfer.start: there is no stage 2, since stages.resolution has no steps."),
        ({"stages.transfer.start": "multimodal", "evaluation.after": ["multimodal", "resolution"]}, "evaluation.after",
         "evaluation.after: there is no stage 2, since stages.resolution has no steps."),
    ],
)  # fmt: skip
def test_sizes_that_do_not(cell: Cell, changes: dict[str, Any], key: str, text: str) -> None:
    assert list(check_resolutions(cell(**changes))) == [(key, text)]


def test_images_of_the_encoder_alone_are_not_those_of_stage_2(cell: Cell) -> None:
    assert list(check_resolutions(cell(**steps(48), **{"stages.vision.source": Component(name="world")}))) == []


def test_what_is_wrong_at_any_size_is_told_once_and_elsewhere(cell: Cell) -> None:
    """A misfit that is not of the size belongs to stage 1's images."""
    shape = Component(name="vit", options={**VIT, "heads": 3})
    assert list(check_resolutions(cell(**steps(96), **{"model.vision": shape}))) == []
