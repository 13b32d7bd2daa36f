"""Parts of a union in a YAML: lines of errors, overrides and grids."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.errors import ConfigError

UNION = """\
data:
  source:
    name: union
    parts:
      pages: {name: pdf, path: .}
      more:
        name: ocr
        path: nothere.json
        images: .
stages:
  multimodal: {mixture: {pages.ocr: 1, splitcap: 0}}
"""


def test_parts_of_a_union_are_told_by_their_line_and_overridden_by_name(trial: Path) -> None:
    (trial / "x.yaml").write_text("name: trial\nscale: tiny\npretrain: random\nevaluate: [probe]\n" + UNION)
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    told = f"there is no file or folder 'nothere.json'. It was looked for in the working folder, {trial}."
    assert str(error.value) == f"x.yaml:12: {told}"
    source = load("x.yaml", ["data.source.parts.more.path=x.yaml", "data.source.parts.pages.pages=3"]).data.source
    assert source.options["parts"]["more"].options["path"] == "x.yaml"
    assert source.options["parts"]["pages"].options["pages"] == 3


def test_a_grid_may_vary_a_part_of_a_union(trial: Path) -> None:
    grid = "grid: {data.source.parts.pages.pages: [1, 0]}\n"
    (trial / "x.yaml").write_text("name: trial\nscale: tiny\npretrain: random\nevaluate: [probe]\n" + grid + UNION)
    with pytest.raises(ConfigError, match=r"x\.yaml:5: data\.source\.parts\.pages\.pages should be at least 1, not 0"):
        load("x.yaml", ["data.source.parts.more.path=x.yaml"])
