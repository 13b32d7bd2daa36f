"""Every metric over two and three ranks, one of them without batches, equals that of one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchmetrics import Metric

from pali3kit import metrics
from pali3kit.errors import DataError

sys.path.insert(0, str(Path(__file__).parent))

from metric_rank import EMPTY, WORLD, cases, plain

CASES = cases()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[dict[str, float]]]]:
    """The results of each of three ranks."""
    folder, script = tmp_path_factory.mktemp("ranks"), Path(__file__).with_name("metric_rank.py")
    subprocess.run([sys.executable, str(script), str(folder)], check=True, timeout=300)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(WORLD)]


def test_no_metric_is_left_out() -> None:
    every = [each for each in vars(metrics).values() if isinstance(each, type) and issubclass(each, Metric)]
    assert {each.__name__ for each in every} == {
        *CASES,
        "WUPS",
    }  # which needs WordNet's files, and is a mean of questions as ANLS is


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ranks", EMPTY)
def test_ranks_together_equal_one_process(
    found: list[dict[str, list[dict[str, float]]]], name: str, ranks: int
) -> None:
    case = CASES[name]
    alone = case.make()
    for batch in case.batches:
        alone.update(*batch)
    two = case.make()
    for batch in case.batches[:2]:
        two.update(*batch)
    expected = [pytest.approx(plain(each.compute()), abs=1e-9) for each in (alone, two)]
    for rank in range(ranks):
        assert found[rank][f"{name} {ranks}"] == expected


@pytest.mark.parametrize("name", CASES)
def test_forward_tells_the_batch_and_keeps_the_rest(name: str) -> None:
    case = CASES[name]
    metric, all_at_once = case.make(), case.make()
    for batch in case.batches:
        alone = case.make()
        alone.update(*batch)
        assert plain(metric(*batch)) == pytest.approx(plain(alone.compute()), nan_ok=True)
        all_at_once.update(*batch)
    assert plain(metric.compute()) == pytest.approx(plain(all_at_once.compute()))


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_nan_and_a_batch_of_nothing_changes_nothing(name: str) -> None:
    case = CASES[name]
    metric = case.make(compute_on_cpu=True)
    nothing = tuple(each[:0] for each in case.batches[0])
    metric(*nothing)
    metric.update(*case.batches[0])
    metric.update(*nothing)
    alone = case.make()
    assert [name for name, value in plain(alone.compute()).items() if value == value] == ["invalid"] * (
        name == "SegmentationIoU"
    )
    alone.update(*case.batches[0])
    assert plain(metric.compute()) == plain(alone.compute())


@pytest.mark.parametrize("name", CASES)
def test_another_number_of_predictions_is_refused(name: str) -> None:
    first, *others = CASES[name].batches[0]
    with pytest.raises(DataError):
        CASES[name].make().update(first[:1], *others)


def test_bfloat16_features_are_recalled() -> None:
    images, texts, owners = CASES["RetrievalRecall"].batches[1]
    metric = CASES["RetrievalRecall"].make()
    metric.update(images.to(torch.bfloat16), texts.to(torch.bfloat16), owners)
    assert set(metric.compute()) == {"i2t@1", "i2t@3", "t2i@1", "t2i@3"}
