"""The published numbers: complete, tagged, marked wherever they are not verified, and judged when they are read."""

from __future__ import annotations

import pytest
import yaml

from pali3kit.config.check import PAPER_TABLES
from pali3kit.errors import ConfigError, DataError
from pali3kit.report.paper import DAGGER, LEGEND, PaperTable, PublishedNumber, _parse

TABLES = sorted(file.stem for file in PAPER_TABLES.glob("*.yaml"))


@pytest.fixture(scope="module")
def table1():
    return PaperTable.load("table1")


def test_every_cell_of_every_row_of_table_1_is_there_and_tagged(table1):
    assert [(row.vit, row.arm) for row in table1.rows] == [
        (vit, arm) for vit in ("G/14", "L/16", "B/16") for arm in ("classif", "siglip")
    ]
    assert [row.label for row in table1.rows][:2] == ["ViT-G/14 Classif", "ViT-G/14 SigLIP"]
    for row in table1.rows:
        assert list(row.numbers) == list(table1.columns)
        assert all(isinstance(number.value, float) and number.provenance for number in row.numbers.values())
        assert {number.mark for number in row.numbers.values()} == {DAGGER}, "none of them is verified"
    assert LEGEND == "† recalled, not verified against the paper"


@pytest.mark.parametrize("name", TABLES)
def test_every_number_of_every_table_has_a_provenance(name):
    table = PaperTable.load(name)
    for row in table.rows:
        assert row.numbers.keys() <= table.columns.keys()
        for number in row.numbers.values():
            assert number.provenance.startswith(("verified: ", "verified-2nd: ", "memory, "))
    assert all(claim.provenance for claim in table.claims)


def test_there_are_all_eight_tables_of_the_paper():
    assert [f"table{number}" for number in range(1, 9)] == TABLES


def test_table_3_has_systems_and_an_arm():
    table = PaperTable.load("table3")
    assert [(row.label, row.arm) for row in table.rows] == [
        ("RefTr", ""),
        ("PolyFormer-L", ""),
        ("ViT-G/14 SigLIP", "siglip"),
    ]
    assert list(table.columns) == ["refcoco", "refcoco_plus", "refcocog"]
    assert table.absolute("siglip", "refcoco") == PublishedNumber(77.33, "memory, unverified")
    assert [table.rows[1].numbers[column].mark for column in table.columns] == ["", "", DAGGER]


def test_table_2_has_groups_and_what_is_unknown_is_absent():
    table = PaperTable.load("table2")
    groups = ["With the words of an external OCR system"] * 2 + ["Without external OCR"] * 2
    assert [row.group for row in table.rows] == groups
    assert not table.has_arms and table.delta("siglip", "classif", "textcaps") is None
    with_ocr, without = table.rows[1], table.rows[3]
    assert "widgetcap" not in with_ocr.numbers and without.numbers["widgetcap"].value == 159.8
    sets = list(table.columns)[:10]
    means = [sum(row.numbers[name].value for name in names) / len(names) for row, names in
             ((with_ocr, sets[:8]), (without, sets[:8]), (without, sets))]  # fmt: skip
    printed = [
        with_ocr.numbers["average.first8"],
        without.numbers["average.first8"],
        without.numbers["average.all"],
    ]
    assert [round(mean, 1) for mean in means] == [number.value for number in printed]


def test_table_4_has_systems_with_their_parameters():
    table = PaperTable.load("table4")
    assert len(table.rows) == 12 and table.rows[-1].label == "PaLI-3 (5B)" and table.rows[0].label == "SimVLM"
    assert [row.label for row in table.systems(["tallyqa.complex"])] == [
        "MoVie",
        "PaLI (17B)",
        "PaLI-X (55B)",
        "PaLI-3 (5B)",
    ]
    assert [row.note for row in table.rows if row.note] == ["OKVQA with 32 shots"]


@pytest.mark.parametrize("name", ["table7", "table8"])
def test_of_tables_7_and_8_no_number_is_known_and_none_invented(name):
    table = PaperTable.load(name)
    assert [row.numbers for row in table.rows] == [{}]
    overall = {"fairface.toxicity", "fairface.profanity"} if name == "table7" else {"miap"}
    assert {column.rpartition(".")[2] for column in {*table.columns} - overall} == {"lowest", "median", "highest"}
    assert overall < {*table.columns}


def test_a_verified_number_has_no_dagger():
    assert PublishedNumber(1.0, "verified: page 5").mark == ""
    assert PublishedNumber(1.0, "verified-2nd: a note").mark == "†"
    assert PublishedNumber(1.0, "memory, cross-checked").mark == "†"


def test_base_rows_stand_beside_ours_by_default(table1):
    assert table1.vit == "B/16"
    assert table1.absolute("classif", "probe") == table1.absolute("classif", "probe", "B/16")
    assert table1.delta("siglip", "classif", "textvqa").value == 13.3
    assert table1.delta("siglip", "classif", "textvqa", vit="G/14").value == 18.7


@pytest.mark.parametrize(
    ("vit", "column", "total"),
    [("G/14", "probe", 85.6), ("L/16", "refcoco", 64.3), ("B/16", "xm3600.en", 89.7)],
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


def test_unknown_names_are_refused_with_the_nearest_choice(table1):
    with pytest.raises(DataError, match=r"no published table 'table_1', only table1, .*, table8. Did you mean"):
        PaperTable.load("table_1")
    with pytest.raises(DataError, match=r"no rows of 'B16'.* Did you mean 'B/16'\?"):
        table1.absolute("classif", "probe", "B16")


def test_table_6_has_three_models_and_verified_numbers_without_a_dagger():
    table6 = PaperTable.load("table6")
    assert list(dict.fromkeys(row.vit for row in table6.rows)) == ["G/14", "e/14", "22B"] and table6.vit == "G/14"
    assert table6.absolute("classif", "finetune.real").mark == ""
    assert table6.absolute("siglip", "finetune.top1").value == 89.6
    assert table6.delta("siglip", "classif", "probe").value == -2.5
    assert table6.absolute("classif", "retrieval.t2i", vit="e/14").value == 28.5
    lit = {"evaluation.text_tower": "lit", "model.dual_encoder": None}
    assert table6.conditions == {"retrieval.i2t": lit, "retrieval.t2i": lit}


def test_what_has_nothing_to_differ_from_is_absolute_and_no_difference():
    table6 = PaperTable.load("table6")
    assert table6.absolute("siglip", "retrieval.i2t").value == 56.9
    assert table6.delta("siglip", "classif", "retrieval.i2t") is None


TABLE = """title: Table 9
citation: Somebody
setting: any
axis: pretrain
default: B/16
columns:
  coco: COCO
  vqav2: {title: VQAv2, only: {seeds: 1}}
rows:
  B/16:
    classif:
      coco: {value: 80.0, provenance: "memory, unverified"}
    siglip:
      coco: {delta: -2.0, provenance: "verified: page 5"}
systems:
  - name: One
    parameters: 2B
    group: Small
    numbers:
      vqav2: {value: 70, provenance: "verified: page 5"}
  - name: Other
    group: Large
    numbers: {}
"""


def test_a_sum_is_known_no_better_than_its_parts():
    table = _parse(TABLE, "t.yaml")
    assert table.delta("siglip", "classif", "coco").mark == ""
    assert table.absolute("siglip", "coco") == PublishedNumber(78.0, "memory, unverified")
    assert [row.label for row in table.rows] == ["One (2B)", "Other", "ViT-B/16 Classif", "ViT-B/16 SigLIP"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: Table 9", "titel: Table 9", r"t.yaml:1: unknown key 'titel'. Did you mean 'title'\?"),
        ("value: 70,", "value: high,", "t.yaml:20: systems.0..numbers.vqav2.value should be a number"),
        ("      vqav2: {value", "      vqav: {value", r"t.yaml:20: .*: unknown column 'vqav'. Did you mean 'vqav2'"),
        ("{value: 70, prov", "{prov", "t.yaml:20: systems.0..numbers.vqav2 needs a value or a delta, and not both"),
        ("{value: 70, prov", "{delta: 70, prov", "t.yaml:20: .*a delta needs a value in the first arm"),
        ("{value: 70, provenance: \"verified: page 5\"}", "{value: 70}", "t.yaml:20: missing key .*vqav2.provenance"),
        ("{value: 80.0,", "{delta: 80.0,", "t.yaml:12: .*a delta needs a value in the first arm"),
        ("default: B/16", "default: B16", r"t.yaml:5: default 'B16' is none of the rows. Did you mean 'B/16'\?"),
        ("axis: pretrain", "axis: pretrained", "t.yaml:4: axis 'pretrained' is no key of an experiment"),
        ("name: Other", "name: One", "t.yaml:21: there are 2 systems called 'One'"),
        ("    numbers: {}\n", "    numbers: {}\n  - {name: Third, group: Small}\n", "t.yaml:24: systems of the group"),
        ("title: Table 9", "title: [", "t.yaml:.*not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_told_with_its_line(old, new, message):
    assert old in TABLE
    with pytest.raises(ConfigError, match=message):
        _parse(TABLE.replace(old, new), "t.yaml")


def test_a_table_needs_rows():
    empty = {key: value for key, value in yaml.safe_load(TABLE).items() if key not in ("rows", "systems")}
    with pytest.raises(ConfigError, match=r"t.yaml:1: a table needs rows or systems"):
        _parse(yaml.safe_dump(empty), "t.yaml")
