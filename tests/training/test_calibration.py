"""Calibration: random batches have the shapes of real ones."""

from __future__ import annotations

from pali3kit.training import calibration
from pali3kit.training.context import Sizes

SIZES = Sizes(
    image_size=16,
    vision={"name": "vit", "width": 16, "depth": 1, "heads": 2, "mlp": 32, "patch": 8},
    projector={"name": "linear"},
    language={
        "name": "ul2", "width": 16, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 8, "mlp": 16
    },
    vocabulary=300,
    codes=8,
)  # fmt: skip


def test_the_vocabulary_counts_the_special_tokens() -> None:
    assert SIZES.vocabulary_size == 300 + 100 + 3 + 8
    assert int(calibration.random_ids(SIZES, 50, 50).max()) < 411


def test_a_random_pali_takes_random_pairs() -> None:
    model, width, grid = calibration.random_pali(SIZES)
    batch = calibration.random_pairs(SIZES, 3, width, grid)
    logits = model(batch["tokens"], grid, batch["prompts"], batch["prompt_mask"], batch["targets"])
    assert logits.shape == (3, calibration.TARGET, 411)
    assert batch["target_mask"].sum() == 3 * calibration.ANSWER
    region = calibration.random_pairs(SIZES, 3, width, grid, regions=True)
    assert region["target_mask"].shape == (3, calibration.REGION) and region["target_mask"].all()


def test_the_first_call_is_not_measured() -> None:
    calls: list[int] = []
    assert calibration.fastest_seconds(calls.append) >= 0
    assert calls == list(range(calibration.STEPS + 1))
