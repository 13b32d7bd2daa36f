"""The stages that measure what an encoder costs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pali3kit.plan.encoder_cost import Config
from pali3kit.plan.step import Step
from pali3kit.training.components import Artifact


def measured(chain: Any, images: int, kind: str) -> tuple[dict[str, Any], Any]:
    vision = chain.step("vision", pretrain="random")
    folder = chain.make(Step(kind, kind, Config(batch_size=images), 0, {"vision": vision}))
    return json.loads((folder / "metrics.json").read_text()), Artifact(chain.make(vision)).vision()


def test_throughput_is_a_number_of_images_per_second(chain: Any) -> None:
    found, _ = measured(chain, 2, "throughput")
    assert found["value"] > 0 and found["extra"] == {"threads": 1}


def test_memory_is_that_of_weights_images_and_tensors(chain: Any) -> None:
    """A hidden layer of the MLP is the least that a forward pass has beside its weights and images."""
    few, vision = measured(chain, 2, "memory")
    weights = sum(each.nbytes for each in (*vision.parameters(), *vision.buffers()))
    image, hidden = 3 * 64 * 64 * 4, 16 * 64 * 4
    assert few["extra"] == {"weights, MB": pytest.approx(weights / 1e6)}
    assert few["value"] * 1e6 >= weights + 2 * (image + hidden)
    more, _ = measured(chain, 6, "memory")
    assert more["value"] * 1e6 - weights == pytest.approx(3 * (few["value"] * 1e6 - weights), rel=0.02)
