"""A loaded checkpoint encodes images as they were encoded for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.inference.images import UserImage
from pali3kit.inference.loaded import LoadedCheckpoint, require_device
from pali3kit.inference.run import RunCheckpoints

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), dtype=np.uint8)
IMAGES = {number: UserImage(pixels, f"image {number}") for number, pixels in enumerate(PIXELS)}


def loaded(checkpoints: RunCheckpoints, fp16_tokens: bool) -> LoadedCheckpoint:
    source = checkpoints
    defaults = replace(source.defaults("coco"), fp16_tokens=fp16_tokens)
    parts = (source.vision("coco"), source.model("coco"), source.tokenizer())
    return LoadedCheckpoint(*parts, defaults, source.bins, None)


@pytest.mark.parametrize("fp16_tokens", [False, True])
def test_tokens_are_rounded_as_the_cache_rounded_them(checkpoints: RunCheckpoints, fp16_tokens: bool) -> None:
    vision = checkpoints.vision("coco")
    with torch.inference_mode():
        wanted = vision(vision.image_spec.prepare(PIXELS))
        found = loaded(checkpoints, fp16_tokens)._tokens(torch.tensor([1, 0, 1]), IMAGES)
    assert found.dtype == torch.float32
    exact = wanted.half().float() if fp16_tokens else wanted
    assert torch.equal(found, exact[[1, 0, 1]]) and not torch.equal(wanted, wanted.half().float())


def test_an_image_of_several_prompts_is_encoded_once(
    checkpoints: RunCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    vision = checkpoints.vision("coco")
    forward = vision.forward
    monkeypatch.setattr(vision, "forward", lambda images: encoded.append(len(images)) or forward(images))
    answers = loaded(checkpoints, True).generate([Example((n % 2,), f"{n}", "") for n in range(6)], IMAGES)
    assert encoded == [2] and len(answers) == 6


def test_a_device_that_is_not_there_is_told() -> None:
    assert require_device("cpu") == torch.device("cpu")
    with pytest.raises(DataError, match="device gpu cannot be used: Expected one of cpu, cuda"):
        require_device("gpu")
