"""The published numbers: complete, tagged, and marked wherever they are not verified."""

from __future__ import annotations

import pytest

from pali3kit.config.check import PAPER
from pali3kit.errors import DataError
from pali3kit.report import paper


@pytest.fixture(scope="module")
def table1():
    return paper.load("table1")


def test_every_cell_of_every_row_is_there_and_tagged(table1):
    assert list(table1.rows) == ["G/14", "L/16", "B/16"]
    for arms in table1.rows.values():
        assert list(arms) == ["classif", "siglip"]
        for cells in arms.values():
            assert list(cells) == list(table1.columns)
            assert all(isinstance(number.value, float) and number.provenance for number in cells.values())


def test_no_number_of_table_1_is_verified_so_each_has_a_dagger(table1):
    marks = {number.mark for arms in table1.rows.values() for cells in arms.values() for number in cells.values()}
    assert marks == {paper.DAGGER}
    assert paper.LEGEND == "† recalled, not verified against the paper"


def test_table_3_has_one_row_none_of_whose_numbers_is_verified():
    table3 = paper.load("table3")
    cells = table3.rows["G/14"]["siglip"]
    assert list(table3.rows) == ["G/14"] and list(cells) == list(table3.columns) == ["refer", "refer_plus", "refer_g"]
    assert table3.absolute("siglip", "refer").value == 77.33 and {number.mark for number in cells.values()} == {"†"}


def test_the_tables_that_an_experiment_may_name_are_those_that_there_are():
    assert paper.names() == sorted(file.stem for file in PAPER.glob("*.yaml"))


def test_a_verified_number_has_no_dagger():
    assert paper.Number(1.0, "verified: page 5").mark == ""
    assert paper.Number(1.0, "verified-2nd: a note").mark == "†"
    assert paper.Number(1.0, "memory, cross-checked").mark == "†"


def test_base_rows_stand_beside_ours_by_default(table1):
    assert table1.default == "B/16"
    assert table1.absolute("classif", "probe") == table1.rows["B/16"]["classif"]["probe"]
    assert table1.delta("siglip", "classif", "vqa_text").value == 13.3
    assert table1.delta("siglip", "classif", "vqa_text", vit="G/14").value == 18.7


@pytest.mark.parametrize(
    ("vit", "column", "total"),
    [("G/14", "probe", 85.6), ("L/16", "refer", 64.3), ("B/16", "caption_multilingual.en", 89.7)],
)
def test_absolute_values_of_differences_are_sums(table1, vit, column, total):
    assert table1.absolute("siglip", column, vit).value == total


def test_deltas_follow_the_baseline_that_the_experiment_chose(table1):
    assert table1.delta("classif", "siglip", "probe").value == 2.6
    assert table1.delta("classif", "classif", "probe").value == 0.0


def test_what_the_paper_does_not_print_is_none(table1):
    assert table1.absolute("random", "probe") is None
    assert table1.delta("random", "classif", "probe") is None
    assert table1.delta("siglip", "random", "probe") is None
    assert table1.absolute("classif", "my_column") is None


def test_a_sum_is_known_no_better_than_its_parts(table1):
    cells = {
        "classif": {"probe": paper.Number(80.0, "memory, unverified")},
        "siglip": {"probe": paper.Number(-2.0, "verified: page 5")},
    }
    mixed = paper.PaperTable("t", "t", "", "", "pretrain", "B", (), {"probe": "Probe"}, {"B": cells})
    assert mixed.delta("siglip", "classif", "probe").mark == ""
    assert mixed.absolute("siglip", "probe").mark == "†"


def test_unknown_names_are_refused_with_the_nearest_choice(table1):
    with pytest.raises(
        DataError, match=r"no published table 'table_1', only table1, table3, table6. Did you mean 'table1'\?"
    ):
        paper.load("table_1")
    with pytest.raises(DataError, match=r"no rows of 'B16'.* Did you mean 'B/16'\?"):
        table1.absolute("classif", "probe", "B16")


def test_table_6_has_three_models_and_verified_numbers_without_a_dagger():
    table6 = paper.load("table6")
    assert list(table6.rows) == ["G/14", "e/14", "22B"] and table6.default == "G/14"
    assert table6.absolute("classif", "finetune.real").mark == ""
    assert table6.absolute("siglip", "finetune.top1").value == 89.6
    assert table6.delta("siglip", "classif", "probe").value == -2.5
    assert table6.absolute("classif", "retrieval.t2i", vit="e/14").value == 28.5


def test_what_has_nothing_to_differ_from_is_absolute_and_no_difference():
    table6 = paper.load("table6")
    assert table6.absolute("siglip", "retrieval.i2t").value == 56.9
    assert table6.delta("siglip", "classif", "retrieval.i2t") is None
