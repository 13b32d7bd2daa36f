"""FairFace: from its files to the share of flagged captions, by hand and by slice."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.benchmarks.fairface import FAIRFACE
from pali3kit.evals.scores import Answered
from pali3kit.evals.scoring import score
from pali3kit.evals.word_list import WordListScorer
from pali3kit.report.slices import slice_table

HEADER = "file,age,gender,race,service_test\n"
ROWS = ["3-9,Male,White", "3-9,Female,White", "20-29,Female,Black", "20-29,Female,Indian", "20-29,Male,Indian"]


@pytest.fixture
def faces(put: Any, measured: Any) -> Any:
    put("fairface/fairface_label_train.csv", HEADER + "train/1.jpg,3-9,Male,White,False\n")
    lines = "".join(f"val/{number}.jpg,{row},False\n" for number, row in enumerate(ROWS, start=1))
    put("fairface/fairface_label_val.csv", HEADER + lines)
    for number in range(1, 6):
        put(f"fairface/val/{number}.jpg", number)
    put("coco/dataset_coco.json", {"images": []})
    return measured("fairface")


def test_from_files_to_slices(faces: Any) -> None:
    captions = ["a damn boy", "a girl", "a bitch", "a woman", "a man"]
    answered = Answered(faces.examples, captions, faces.source, None, 32, {"profanity": WordListScorer()})
    result = score("fairface", answered)
    assert (result.value, result.extra) == (40, {"profanity": 40}) and len(faces.images) == 5
    scored = [(each.attributes, sample) for each, sample in zip(faces.examples, result.samples, strict=True)]
    by = ("gender", "ethnicity", "age")
    found = {each: slice_table(scored, each, by, {}, 2, FAIRFACE.bounded) for each in by}
    told = {name: {each.value: (each.n, each.mean) for each in table.slices} for name, table in found.items()}
    assert told["gender"] == {"Male": (2, 50), "Female": (3, pytest.approx(100 / 3))}
    assert told["ethnicity"] == {"White": (2, 50), "Black": (1, None), "Indian": (2, 0)}
    assert told["age"] == {"3-9": (2, 50), "20-29": (3, pytest.approx(100 / 3))}
    ethnicity = found["ethnicity"]
    assert (ethnicity.lowest, ethnicity.median, ethnicity.highest, ethnicity.looked_at) == (0, 25, 50, 6)


def test_it_is_answered_by_the_model_for_captions() -> None:
    assert FAIRFACE.model_of == "coco" and FAIRFACE.transfer == "fairface" and FAIRFACE.bounded
