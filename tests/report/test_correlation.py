"""Rank correlations: against scipy and by hand, of encoders and not of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_tables import cell, table

from pali3kit.report.correlation import RankCorrelation, _spearman, correlation_table
from pali3kit.report.statistics import RESAMPLES

IMAGES = "stages.vision.examples"


@pytest.mark.parametrize(
    ("x", "y", "rho"),
    [
        ([1, 2, 3, 4, 5], [10, 20, 30, 40, 1000], 1.0),
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8),  # 1 - 6 * 4 / (5 * 24)
        ([1, 1, 2, 3, 4], [1, 2, 3, 4, 5], 9.5 / (9.5 * 10) ** 0.5),  # ranks 1.5 1.5 3 4 5
    ],
)
def test_by_hand(x, y, rho):
    found = RankCorrelation.of(zip(x, y, strict=True))
    assert found.rho == pytest.approx(rho) and found.n == 5
    assert found.low - 1e-9 <= found.rho <= found.high + 1e-9


@pytest.mark.filterwarnings("ignore:An input array is constant")
@pytest.mark.parametrize("n", [5, 9, 30])
def test_every_resample_is_as_in_scipy(n):
    spearmanr = pytest.importorskip("scipy.stats").spearmanr
    random = np.random.default_rng(n)
    x = random.integers(0, 5, n).astype(float)  # many ties
    y = x + random.normal(0, 2, n).round()
    counts = np.vstack([np.ones(n), random.multinomial(n, np.full(n, 1 / n), 40)]).astype(float)
    found = _spearman(x, y, counts)
    for rho, times in zip(found, counts.astype(int), strict=True):
        expected = spearmanr(np.repeat(x, times), np.repeat(y, times)).statistic
        assert rho == pytest.approx(expected, nan_ok=True)
    assert RankCorrelation.of(zip(x, y, strict=True)).rho == pytest.approx(found[0])


def test_the_interval_is_that_of_resampled_pairs():
    random = np.random.default_rng(3)
    x = random.normal(size=25)
    y = x + random.normal(size=25)
    found = RankCorrelation.of(zip(x, y, strict=True))
    drawn = [random.integers(0, 25, 25) for _ in range(RESAMPLES)]
    rhos = [float(_spearman(x[i], y[i], np.ones((1, 25)))[0]) for i in drawn]
    assert (found.low, found.high) == pytest.approx(np.quantile(rhos, (0.025, 0.975)), abs=0.03)
    assert found == RankCorrelation.of(zip(x, y, strict=True))


@pytest.mark.parametrize("y", [[1, 2, 3, 4], [7, 7, 7, 7, 7], []])
def test_few_encoders_and_constants_have_none(y):
    found = RankCorrelation.of(zip(range(len(y)), y, strict=True))
    assert found.rho is None and str(found) == f"–, n {len(y)}"


def test_it_is_printed_with_interval_and_n():
    assert str(RankCorrelation(11, 0.834, -0.2, 1.0)) == "0.83 [−0.20, 1.00], n 11"


def made(point, column):
    """Zero-shot is SigLIP's alone, captions rise with the probe, reference is the same for all."""
    n = 0 if point["pretrain"] == "random" else point[IMAGES]
    if column.startswith("zero_shot"):
        return cell(n) if point["pretrain"] == "siglip" else cell()
    return cell(5.0) if column == "refcoco" else cell(n + (point["pretrain"] == "siglip"))


GRID = {"pretrain": ["classif", "siglip", "random"], IMAGES: [1, 5, 9]}


def encoder(point, seed):
    return f"{point['pretrain']} {seed}" + ("" if point["pretrain"] == "random" else f" {point[IMAGES]}")


def test_measures_of_the_encoder_are_rows_and_what_pali_answers_columns():
    header, *rows = correlation_table(table(GRID, ["probe", "zero_shot", "finetune", "coco", "refcoco"], made, encoder))
    assert header == ["", "embedded/coco", "embedded/refcoco"]
    assert rows[0] == ["Probe (8 embedded tasks)", "1.00 [1.00, 1.00], n 7", "–, n 7"]
    assert [row[1] for row in rows[1:]] == ["–, n 3"] * 3
    assert len(rows) == 4, "fine-tuning measures no encoder alone"


def test_the_control_counts_once_and_seeds_that_share_an_encoder_are_averaged():
    def two_seeds(point, column):
        one = made(point, column)
        return cell(*(value for value in one.per_seed.values() for _ in range(2)))

    grid = {"pretrain": ["classif", "siglip", "random"], IMAGES: [1, 5, 9]}
    shared = correlation_table(table(grid, ["probe", "coco"], two_seeds, lambda point, seed: encoder(point, 0)))
    own = correlation_table(table(grid, ["probe", "coco"], two_seeds, encoder))
    assert shared[1][1].endswith("n 7") and own[1][1].endswith("n 14")


def test_an_encoder_with_two_text_towers_counts_with_each_only_where_they_differ():
    def by_tower(point, column):
        if column.startswith("zero_shot"):
            return cell(point[IMAGES] + 100 * (point["evaluation.text_tower"] == "lit"))
        return cell(float(point[IMAGES]))

    grid = {IMAGES: [1, 2, 3, 4, 5], "evaluation.text_tower": ["own", "lit"]}
    found = table(grid, ["probe", "zero_shot", "coco"], by_tower, lambda point, seed: str(point[IMAGES]))
    assert [row[1].rpartition(", ")[2] for row in correlation_table(found)[1:]] == ["n 5", "n 10", "n 10", "n 10"]


def test_named_arms_that_measure_an_encoder_otherwise_are_units_of_their_own():
    """Each of five encoders in two arms, which differ in the number of few-shot examples."""
    found = table({"arm": range(10)}, ["probe", "coco"], lambda point, column: cell(float(point["arm"])),
                  lambda point, seed: str(point["arm"] // 2))  # fmt: skip
    shots = tuple(replace(row, arm={"evaluation.shots": row.point["arm"] % 2}) for row in found.rows)
    assert [correlation_table(each)[1][1][-4:].strip(", ") for each in (found, replace(found, rows=shots))] == [
        "n 5", "n 10",
    ]  # fmt: skip


@pytest.mark.parametrize("benchmarks", [["probe"], ["coco"], ["finetune", "coco"], ["denoising", "coco"]])
def test_without_both_kinds_of_columns_there_is_no_table(benchmarks):
    assert correlation_table(table(GRID, benchmarks, made, encoder)) == []


def test_with_few_encoders_there_is_no_table():
    assert correlation_table(table({**GRID, "pretrain": ["classif"]}, ["probe", "coco"], made, encoder)) == []
