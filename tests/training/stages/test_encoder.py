"""The stages that evaluate an encoder alone, on the tiny artifacts of an experiment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pali3kit.config.load import load
from pali3kit.errors import DataError, WeightsError
from pali3kit.evals.features import extract
from pali3kit.plan.graph import build
from pali3kit.registry import LABELLED
from pali3kit.training.components import Artifact
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.feature_files import classes_in, features_in, rows_in
from pali3kit.training.stages import embed
from pali3kit.training.stages.retrieval import _captions_of
from tests.training.stages.conftest import ROOT, Chain, altered, run

COLUMNS = ("knn", "linear", "classify", "zero_shot")


def metrics_of(folder: Path) -> Any:
    return json.loads((folder / "metrics.json").read_text())


def test_features_are_the_encoders(encoders: Chain) -> None:
    step = encoders.step("embed", splits=["test", "v2"])
    folder, vision = encoders.make(step), Artifact(encoders.make(step.parents["vision"])).vision()
    images = LABELLED.build("world_classes", train=64, test=32)
    found = features_in(folder, "v2")
    expected = extract(vision, [images.image("v2", index) for index in range(32)])
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    np.testing.assert_array_equal(found.labels, images.labels("v2"))
    assert features_in(folder, "test").right == images.relabelled("test") and found.right is None
    assert classes_in(folder, "test") == images.classes
    assert sorted(path.name for path in folder.iterdir()) == ["test.safetensors", "v2.safetensors"]


@pytest.mark.parametrize("kind", COLUMNS)
def test_classifiers_have_three_columns_with_their_samples(encoders: Chain, kind: str) -> None:
    columns = metrics_of(encoders(kind))["columns"]
    assert list(columns) == ["top1", "real", "v2"]
    for one in columns.values():
        assert 0 <= one["value"] <= 100 and one["n"] == len(one["samples"]) == 32
        assert np.mean(one["samples"]) == pytest.approx(one["value"])


def test_evaluators_share_the_features_of_a_set(encoders: Chain) -> None:
    of = {kind: encoders.step(kind).parents["test"].digest for kind in ("knn", "linear", "zero_shot")}
    assert len(set(of.values())) == 1
    assert encoders.step("classify").parents["test"].parents["classifier"].kind == "finetune"


def test_the_probe_has_a_curve(encoders: Chain) -> None:
    metrics = metrics_of(encoders("probe"))
    assert list(metrics["extra"]) == ["count", "food"] and list(metrics["curve"]) == ["1-shot", "2-shot"]
    assert metrics["curve"]["2-shot"] == pytest.approx(metrics["value"])
    assert np.mean(metrics["samples"]) == pytest.approx(metrics["value"])


def test_retrieval_has_every_language(encoders: Chain) -> None:
    metrics = metrics_of(encoders("retrieval"))
    assert list(metrics["columns"]) == ["i2t", "t2i"] and metrics["columns"]["i2t"]["n"] == 16
    by_language = [value for name, value in metrics["extra"].items() if name.startswith("t2i@1/")]
    assert len(by_language) == 36
    assert metrics["columns"]["t2i"]["value"] == pytest.approx(np.mean(by_language))
    assert metrics["extra"]["i2t@10"] >= metrics["extra"]["i2t@5"] >= metrics["extra"]["i2t@1"]


def test_lit_trains_the_text_tower_only(encoders: Chain) -> None:
    step = next(n for n in encoders.steps if n.kind == "lit" and n.parents["vision"].plain["pretrain"] == "siglip")
    folder, own = encoders.make(step), encoders.make(step.parents["vision"])
    tuned, before = Artifact(folder)._two_towers(), Artifact(own)._two_towers()
    for name, weight in tuned.vision.state_dict().items():
        assert torch.equal(weight, before.vision.state_dict()[name]), name
    assert not torch.equal(tuned.text.head.weight, before.text.head.weight)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "curve.csv", "text_tower.safetensors"]


def test_a_lit_artifact_alone_embeds_texts_and_names_the_encoder_that_it_lacks(encoders: Chain, tmp_path: Path) -> None:
    step = encoders.step("lit")
    folder, encoder = encoders.make(step), encoders.make(step.parents["vision"])
    tokenizer = Artifact(encoders.make(step.parents["tokenizer"])).tokenizer()
    alone = Artifact(Path(shutil.copytree(folder, tmp_path / folder.name)))
    texts_only, whole = alone.dual_encoder(tokenizer, images=False), Artifact(folder).dual_encoder(tokenizer)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        texts = texts_only.embed_texts(["A Cat", "a cat", "two dogs"])
        assert torch.equal(texts, whole.embed_texts(["A Cat", "a cat", "two dogs"]))
        assert torch.equal(whole.embed_images(images), Artifact(encoder).vision().pooled(images))
    assert torch.equal(texts[0], texts[1]) and not torch.equal(texts[0], texts[2])
    with pytest.raises(ValueError, match="they embed texts only"):
        texts_only.embed_images(images)
    with pytest.raises(WeightsError, match=f"is the artifact {encoder.name}, which is not beside it"):
        alone.dual_encoder(tokenizer)


def test_an_arm_without_a_text_tower_has_no_column_of_its_own() -> None:
    experiment = load(ROOT / "experiments" / "table6.yaml", ["scale=smoke"])
    cells = {
        (cell.point["pretrain"], cell.point["evaluation.text_tower"]): cell.columns for cell in build(experiment).cells
    }
    assert list(cells["classif", "own"]) == ["finetune", "probe"]
    assert list(cells["siglip", "own"]) == list(cells["classif", "lit"]) == experiment.evaluate


def test_fine_tuning_at_another_size_moves_the_encoder(encoders: Chain) -> None:
    step = encoders.step("finetune")
    described = json.loads((encoders.make(step) / "config.json").read_text())
    assert described["image_size"] == 96 and described["classes"] == 64 and "encoder_size" not in described
    assert encoders.step("classify").parents["test"].plain["image_size"] == 96


class Damaged:
    """Six images, of which some cannot be read."""

    digest, classes = "damaged", ("a", "b")

    def __init__(self, bad: tuple[int, ...]) -> None:
        self.bad = bad

    def size(self, split: str) -> int:
        return 300

    def labels(self, split: str) -> np.ndarray:
        return np.arange(300) % 2

    def relabelled(self, split: str) -> None:
        return None

    def image(self, split: str, index: int) -> np.ndarray:
        if index in self.bad:
            raise DataError(f"image {index}: it is cut off")
        return np.full((64, 64, 3), index % 256, np.uint8)


def run_on(images: Damaged, encoders: Chain, folder: Path, monkeypatch: pytest.MonkeyPatch, **execution: Any) -> None:
    folder.mkdir(exist_ok=True)
    step = encoders.step("embed", splits=["test", "v2"])
    parents = {"vision": encoders.make(step.parents["vision"])}
    context = StageContext(folder, parents, 0, lambda *_, **__: None, threads=1, execution=Execution(**execution))
    monkeypatch.setattr(embed, "_build_set", lambda config: images)
    run(altered(step, splits=("test",)), context)


def test_unreadable_images_are_listed_and_left_out(
    encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_on(Damaged((1, 4)), encoders, tmp_path / "x", monkeypatch)
    assert (tmp_path / "x" / "skipped.txt").read_text() == "image 1: it is cut off\nimage 4: it is cut off\n"
    assert len(features_in(tmp_path / "x", "test").features) == 298
    assert rows_in(tmp_path / "x", "test").tolist()[:4] == [0, 2, 3, 5]


def test_a_set_without_readable_images(encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Few(Damaged):
        def size(self, split: str) -> int:
            return 3

        def labels(self, split: str) -> np.ndarray:
            return np.zeros(3, np.int64)

    with pytest.raises(DataError, match="none of the 3 images of the split 'test' can be read"):
        run_on(Few((0, 1, 2)), encoders, tmp_path / "x", monkeypatch)


def test_too_many_of_them_stop_the_stage(encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"more than max_bad_fraction 0\.05 allows"):
        run_on(Damaged(tuple(range(60))), encoders, tmp_path / "x", monkeypatch)


def test_a_run_that_allows_more_continues_without_counting_twice(
    encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Damaged(tuple(range(0, 300, 5)))  # 60 of 300
    with pytest.raises(
        DataError, match=r"more than max_bad_fraction 0\.05 allows; the first: image 0: it is cut off; image"
    ):
        run_on(bad, encoders, tmp_path / "x", monkeypatch)
    run_on(bad, encoders, tmp_path / "x", monkeypatch, max_bad_fraction=0.25)
    assert len((tmp_path / "x" / "skipped.txt").read_text().splitlines()) == 60


def test_too_many_of_a_small_set_stop_the_stage_at_its_end(
    encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        DataError, match=r"^20 of 300 cannot be used, more than max_bad_fraction 0\.05 allows; the first: image"
    ):
        run_on(Damaged(tuple(range(20))), encoders, tmp_path / "x", monkeypatch)


def test_a_killed_run_continues_with_the_same_features(
    encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Damaged):
        def image(self, split: str, index: int) -> np.ndarray:
            if index == 200:
                raise KeyboardInterrupt
            seen.append(index)
            return super().image(split, index)

    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run_on(Killed((3,)), encoders, tmp_path / "x", monkeypatch, checkpoint_seconds=0.0)
    assert (tmp_path / "x" / "test.done").read_text() == "128" and 0 in seen
    whole = Damaged((3,))
    run_on(whole, encoders, tmp_path / "x", monkeypatch)
    run_on(whole, encoders, tmp_path / "y", monkeypatch)
    assert (tmp_path / "x" / "skipped.txt").read_text() == "image 3: it is cut off\n"
    one, other = ((tmp_path / name / "test.safetensors").read_bytes() for name in "xy")
    assert one == other
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["skipped.txt", "test.safetensors"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test.done", b""), ("test.done", b"\xff"), ("test.done", b"many"), ("test.done", b"900"),
        ("test.partial", b""), ("test.partial", b"x" * 900), ("test.safetensors", b""),
    ],
)  # fmt: skip
def test_damaged_files_of_a_killed_run_are_computed_again(
    encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: bytes
) -> None:
    """Files may be damaged after a power failure."""

    class Killed(Damaged):
        def image(self, split: str, index: int) -> np.ndarray:
            if index == 200:
                raise KeyboardInterrupt
            return super().image(split, index)

    with pytest.raises(KeyboardInterrupt):
        run_on(Killed(()), encoders, tmp_path / "x", monkeypatch, checkpoint_seconds=0.0)
    (tmp_path / "x" / name).write_bytes(text)
    run_on(Damaged(()), encoders, tmp_path / "x", monkeypatch)
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["test.safetensors"]
    assert len(features_in(tmp_path / "x", "test").features) == 300


def test_a_run_with_many_bad_images_continues(encoders: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images listed before the kill count among all images so far, not among those of the new process."""

    class Many(Damaged):
        def size(self, split: str) -> int:
            return 1500

        def labels(self, split: str) -> np.ndarray:
            return np.zeros(1500, np.int64)

        def image(self, split: str, index: int) -> np.ndarray:
            if index == stop:
                raise KeyboardInterrupt
            return super().image(split, index)

    bad = tuple(range(0, 1500, 25))  # 60 of 1500: four in a hundred
    stop = 1400
    with pytest.raises(KeyboardInterrupt):
        run_on(Many(bad), encoders, tmp_path / "x", monkeypatch, checkpoint_seconds=0.0)
    assert len((tmp_path / "x" / "skipped.txt").read_text().splitlines()) == 52  # of the rows that are saved
    stop = -1
    run_on(Many(bad), encoders, tmp_path / "x", monkeypatch)
    assert len((tmp_path / "x" / "skipped.txt").read_text().splitlines()) == 60
    assert len(features_in(tmp_path / "x", "test").features) == 1440


@pytest.mark.parametrize("kind", ["embed", "lit", "finetune", "probe"])
def test_calibration(encoders: Chain, kind: str) -> None:
    assert encoders.calibrate(kind).seconds > 0


def test_captions_of_images_that_cannot_be_read_are_left_out() -> None:
    captions = [(0, "a"), (0, "b"), (1, "c"), (2, "d")]
    assert _captions_of(captions, np.array([0, 2])) == [(0, "a"), (0, "b"), (1, "d")]
