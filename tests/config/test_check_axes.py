"""Messages on arms; those on other axes are in `test_check.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.errors import ConfigError

ARMS = "name: trial\nscale: tiny\narms:\n- {{name: one}}\n- {{{}}}\nevaluate: [probe]\n"


@pytest.mark.parametrize(
    ("arm", "text"),
    [
        ("pretrain: siglip", "arms[1] needs a name, a text: it is what reports call the arm."),
        ("name: 3", "arms[1] needs a name, a text: it is what reports call the arm."),
        ("name: one", "two arms have the name 'one'."),
        ("name: two, pretrian: siglip", "arms[1]: 'pretrian' is no key of an experiment. Did you mean 'pretrain'?"),
        ("name: two, evaluate: [coco]",
         "arms[1]: 'evaluate' cannot vary between cells: it belongs to the whole experiment."),
        ("name: two, pretrain: sigli", "pretrain cannot be 'sigli'. Did you mean 'siglip'?"),
        ("name: two, model.vision.dpth: 3", "unknown key 'model.vision.dpth'. Did you mean 'depth'?"),
        ("name: two, model.vision: {name: vit, size: B/15}",
         "model.vision: unknown vit size 'B/15'. Did you mean 'B/16'?"),
        ("name: two, stages.vision.examples: -1", "stages.vision.examples should be at least 0, not -1."),
    ],
)  # fmt: skip
def test_each_has_its_line(trial: Path, arm: str, text: str) -> None:
    (trial / "x.yaml").write_text(ARMS.format(arm))
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    told = [str(problem) for problem in error.value.problems]
    assert told[0].startswith(f"x.yaml:5: {text}"), told
    assert len(told) == 1


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("grid.arm=[one,tow]", "there is no arm 'tow' in arms. Did you mean 'two'?"),
        ("grid.arm=[]", "grid axis 'arm' has no values."),
        ("grid.arm=[one,one]", "grid axis 'arm' has a value twice."),
        ("grid.pretrain=[siglip,classif]", "arms[1]: 'pretrain' is an axis of the grid: arms cannot set it too."),
        ("baseline.arm=tow", "baseline arm 'tow' is not in the grid. Did you mean 'two'?"),
        ("arms=one", "arms should be a list, not the text 'one': write [one]."),
        ("arms=[one]", "arms[0] should be a mapping, not the text 'one'."),
    ],
)
def test_what_the_grid_asks_for(trial: Path, override: str, text: str) -> None:
    (trial / "x.yaml").write_text(ARMS.format("name: two, pretrain: siglip"))
    with pytest.raises(ConfigError) as error:
        load("x.yaml", [override])
    assert [problem.text for problem in error.value.problems if not isinstance(problem, str)] == [text]


@pytest.mark.parametrize(
    ("arm", "axis"),
    [
        ("model.vision.depth: 3", "model.vision: [{depth: 1}]"),
        ("model.vision: {name: timm/test_vit}", "model.vision.depth: [1, 2]"),
        ("stages.vision.optimizer: {name: adamw}", "stages.vision.optimizer.learning_rate: [1.0e-3]"),
    ],
)
def test_what_an_arm_and_an_axis_both_set_is_refused(trial: Path, arm: str, axis: str) -> None:
    """The axis would win, in every arm."""
    (trial / "x.yaml").write_text(ARMS.format(f"name: two, {arm}") + f"grid: {{{axis}}}\n")
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    key, axis = (each.partition(":")[0] for each in (arm, axis))
    told = f"arms[1]: '{key}' and the axis '{axis}' of the grid set the same: leave out one of the two."
    assert f"x.yaml:5: {told}" in map(str, error.value.problems)


def test_keys_that_begin_alike_are_different(trial: Path) -> None:
    (trial / "x.yaml").write_text(ARMS.format("name: two, data.train: 8") + "grid: {data.train_from: [1]}\n")
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    assert all("set the same" not in str(problem) for problem in error.value.problems)


def test_an_override_that_no_cell_would_get_is_refused(trial: Path) -> None:
    """The values of an axis, and those that each arm sets, come after it."""
    (trial / "x.yaml").write_text(ARMS.format("name: two, pretrain: siglip"))
    load("x.yaml", ["pretrain=classif"])  # of the other arm
    (trial / "x.yaml").write_text(
        ARMS.format("name: two, pretrain: siglip").replace("{name: one", "{name: one, pretrain: classif")
    )
    load("x.yaml", ["grid.arm=[one]", "arms=[{name: one},{name: two, pretrain: siglip}]", "pretrain=classif"])
    load("x.yaml", ["arms=[]", "grid={stages.vision.examples: [64, 128]}", "stages.vision={batch_size: 32}"])
    for overrides, text in (
        (
            ["arms=[{name: one},{name: two, pretrain: siglip}]", "grid.arm=[two]", "pretrain=classif"],
            "every arm sets pretrain, and theirs counts: arms=[] takes the arms away.",
        ),
        (["pretrain=classif"], "every arm sets pretrain, and theirs counts: arms=[] takes the arms away."),
        (
            ["arms=[]", "grid.pretrain=[siglip,classif]", "pretrain=siglip"],
            "pretrain is an axis of the grid, whose values count: grid.pretrain=[...] chooses them, now"
            " ['siglip', 'classif'].",
        ),
    ):
        with pytest.raises(ConfigError) as error:
            load("x.yaml", overrides)
        assert [str(problem) for problem in error.value.problems] == [f"command line: {overrides[-1]}: {text}"]


def test_a_single_value_of_a_list_cannot_be_overridden(trial: Path) -> None:
    (trial / "x.yaml").write_text(ARMS.format("name: two, pretrain: siglip"))
    with pytest.raises(ConfigError, match="write the whole list, of which single values cannot be overridden"):
        load("x.yaml", ["arms.two.pretrain=classif"])
