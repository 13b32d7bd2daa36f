"""ChartQA: from its two files to relaxed accuracy, of each and their mean."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.data.benchmark_examples import scorable_indices
from pali3kit.errors import DataError


def entry(name: str, label: Any, query: str = "What is the share?") -> dict[str, Any]:
    return {"imgname": name, "query": query, "label": label}


@pytest.fixture
def chartqa(put: Any) -> Any:
    def write(human: Any, augmented: Any) -> None:
        for split, files in {"train": ([entry("t.png", "1")],) * 2, "test": (human, augmented)}.items():
            for kind, content in zip(("human", "augmented"), files, strict=True):
                put(f"ChartQA Dataset/{split}/{split}_{kind}.json", content)
        put("ChartQA Dataset/train/png/t.png", 1)
        for shade in (2, 3, 4):
            put(f"ChartQA Dataset/test/png/{shade}.png", shade)

    return write


def test_from_files_to_score(chartqa: Any, measured: Any) -> None:
    chartqa([entry("2.png", "12.5"), entry("3.png", "Yes"), entry("2.png", "25%")], [entry("4.png", "100")])
    found = measured("chartqa")
    assert [example.group for example in found.examples] == ["augmented", "human", "human", "human"], "in turn"
    assert [int(image[0, 0, 0]) for image in found.images] == [4, 2, 3, 2]
    result = found.score("105", "13", "yes", "25")
    assert result.samples == [100, 100, 100, 0]
    assert result.extra == {"augmented": 100, "human": pytest.approx(200 / 3)}
    assert result.value == pytest.approx((100 + 200 / 3) / 2), "the mean of both, not of all questions"
    assert found.trained(1)[0].target == "1"


def test_one_of_them_alone_is_no_mean(chartqa: Any, measured: Any) -> None:
    chartqa([entry("2.png", "12.5"), entry("3.png", "Yes")], [])
    with pytest.raises(DataError, match="'chartqa' is the mean over augmented, human: there is no example of"):
        measured("chartqa").score("1", "2")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"imgname": "2.png", "query": "a?", "label": 1.5},
            "'label' should be a text or a whole number",
        ),
        ({"imgname": "2.png", "label": "1"}, "no field 'question'"),
    ],
)
def test_malformed_questions_are_left_out(chartqa: Any, measured: Any, wrong: Any, message: str) -> None:
    chartqa([entry("2.png", "1"), wrong], [entry("4.png", "100")])
    found = measured("chartqa")
    assert len(found.examples) == 2 and any(
        f"test_human.json: [1]: {message}" in line for line in found.source.skips.lines
    )


def test_a_transfer_may_train_on_val_too(chartqa: Any, measured: Any, put: Any) -> None:
    """Images of each split are in its own folder."""
    chartqa([entry("2.png", "5")], [entry("3.png", "6")])
    for kind, shade in (("human", 7), ("augmented", 8)):
        put(f"ChartQA Dataset/val/val_{kind}.json", [entry(f"v{shade}.png", f"of val {shade}")])
        put(f"ChartQA Dataset/val/png/v{shade}.png", shade)
    root = "sets/ChartQA Dataset"
    found = measured("chartqa", path=f"{root}/[tv][ra]*/[tv]*_*.json", images=root)
    trained = found.trained(3)
    assert {example.target for example in trained} == {"1", "of val 7", "of val 8"} and len(found.examples) == 2
    assert {int(found.source.image("train", each.images[0])[0, 0, 0]) for each in trained} == {1, 7, 8}


def test_the_file_of_one_alone_is_told_before_anything_is_answered(chartqa: Any, measured: Any, put: Any) -> None:
    chartqa([entry("2.png", "12.5")], [entry("3.png", "Yes")])
    put("ChartQA Dataset/test/test_human.json", []).unlink()
    with pytest.raises(DataError, match="'chartqa' is the mean over augmented, human: it needs a test file of each"):
        scorable_indices("chartqa", measured("chartqa").examples)
