from __future__ import annotations

from typing import Any

import pytest
import torch

from pali3kit.data.records import Skips
from pali3kit.data.source import SourceBase
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE, VISION
from pali3kit.training.answering import VisualTokens, _scorable


def test_languages_of_which_too_few_images_can_be_read_are_listed() -> None:
    class Files(SourceBase):
        skips = Skips()

    source: Any = Files()
    asked = [
        Example((image,), "", "", ("a",), language) for image, language in enumerate(["en", "th", "en", "th", "en"])
    ]
    assert _scorable(source, "xm3600", asked, {3}) == [0, 2, 4]
    assert list(source.skips.lines) == ["xm3600: 'th' has too few test images to measure anything on"]
    with pytest.raises(DataError, match="found en 1, th 1"):
        _scorable(source, "xm3600", asked, {0, 2, 3})
    with pytest.raises(DataError, match="no image of the test examples of 'coco' can be read"):
        _scorable(source, "coco", asked, range(5))


def test_tokens_can_be_rounded_as_the_cache_rounds_them() -> None:
    torch.manual_seed(0)
    vision = VISION.build("vit", image_size=64, width=16, depth=1, heads=2, mlp=16, patch=16).eval()
    source = SOURCE.build("world", image_size=64)
    exact, rounded = (VisualTokens.of_encoder(vision, source, fp16) for fp16 in (False, True))
    numbers = torch.tensor([0, 2])
    found = exact.read(numbers)
    assert found.shape == (2, 16, 16) and exact.found == [(0, ""), (2, "")]
    assert not torch.equal(found, found.half().float()) and torch.equal(rounded.read(numbers), found.half().float())
    assert exact.read(torch.tensor([], dtype=torch.int64)).shape == (0, 16, 16)
