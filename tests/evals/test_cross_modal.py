"""Retrieval, language by language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.evals.cross_modal import retrieval
from pali3kit.evals.features import Features

IMAGES = Features(np.eye(3, dtype=np.float32))
# A text is the numbers of its embedding.
CAPTIONS = {
    "en": [(0, "1 0 0"), (1, "0 1 0"), (2, "0 0 1"), (2, "1 0 0.5")],
    "de": [(0, "0 1 0.6"), (1, "0.5 1 0"), (2, "0 0 1")],
}


class Numbers:
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor([[float(number) for number in text.split()] for text in texts])


def test_a_case_by_hand() -> None:
    found = {one.name: one for one in retrieval(Numbers(), IMAGES, CAPTIONS, top=(1, 2))}
    assert {name: one.value for name, one in found.items() if name.endswith("@1/en")} == {
        "i2t@1/en": 100.0,
        "t2i@1/en": 75.0,  # the last text is nearer to image 0
    }
    # In German, text 0 is nearest to image 1; image 0 finds text 1 first, and image 1 its own.
    assert found["t2i@1/de"].value == pytest.approx(200 / 3) == pytest.approx(found["i2t@1/de"].value)
    assert found["i2t@1"].value == pytest.approx((100 + 200 / 3) / 2)
    assert found["t2i@1"].value == pytest.approx((75 + 200 / 3) / 2)
    assert found["t2i@2/en"].value == 100.0


def test_the_samples_of_a_mean_are_of_images_and_have_that_mean() -> None:
    for one in retrieval(Numbers(), IMAGES, CAPTIONS):
        if "/" not in one.name:
            assert one.n == len(one.samples) == 3
            assert np.mean(one.samples) == pytest.approx(one.value)


def test_images_without_captions_do_not_count() -> None:
    """The mean over languages has one sample per image with a caption in any language."""
    found = {one.name: one for one in retrieval(Numbers(), IMAGES, {"en": [(0, "1 0 0"), (2, "0 0 1")]}, top=(1,))}
    assert (found["i2t@1"].value, found["i2t@1"].n, len(found["i2t@1"].samples)) == (100.0, 2, 2)
    with pytest.raises(DataError, match="captions in at least one language"):
        list(retrieval(Numbers(), IMAGES, {}))
