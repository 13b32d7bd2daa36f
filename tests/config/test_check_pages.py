"""Pages are not drawn smaller than their words can be read."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from pali3kit.config.load import load
from pali3kit.config.pages import PagePart
from pali3kit.data.pages.pages import MIN_SIZE
from pali3kit.data.pages.source import PARTS
from pali3kit.errors import ConfigError
from pali3kit.registry import SOURCE

STAGE_2 = ["stages.resolution.steps=[{image_size: 128, examples: 32}]", "stages.transfer.start=resolution"]


def test_the_names_of_the_pages_are_theirs() -> None:
    entry = SOURCE.describe("pages")
    assert entry.smallest == MIN_SIZE and list(entry.parts or ()) == list(PARTS) == list(get_args(PagePart))


def test_pages_are_drawn_at_the_size_of_stage_2(trial: Path) -> None:
    load("x.yaml", ["evaluate=[docvqa]", *STAGE_2])
    load(
        "x.yaml",
        ["evaluate=[docvqa]", *STAGE_2, "stages.resolution.source=pages", "stages.resolution.mixture={ocr: 1}"],
    )


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["evaluate=[docvqa]"], "'docvqa' is measured on pages, which are drawn at 96 pixels or more, not 64"),
        (["evaluate=[docvqa]", *STAGE_2, "evaluation.after=[multimodal]"], "96 pixels or more, not 64"),
        (["evaluate=[coco]", "data.source=pages"], "pages are drawn at 96 pixels or more, not 64"),
        (["evaluate=[coco]", *STAGE_2, "stages.resolution.source=pages", "stages.resolution.mixture={ocr: 1}",
          "stages.resolution.steps=[{image_size: 72, examples: 32}]"],
         "pages are drawn at 96 pixels or more, not 72, a size of stages.resolution.steps"),
        (["evaluate=[coco]", *STAGE_2, "stages.resolution.source=pages", "stages.resolution.mixture={detect: 1}"],
         "source 'pages' has no task 'detect'."),
        (["evaluate=[coco]", *STAGE_2, "stages.resolution.source=pages", "stages.multimodal.mixture={detect: 1}"],
         "source 'pages' has no task 'detect' of stage 1's mixture: set stages.resolution.mixture."),
    ],
)  # fmt: skip
def test_smaller_ones_are_refused(trial: Path, overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("x.yaml", overrides)
    assert told in str(caught.value)
