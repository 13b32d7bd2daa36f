"""Some hundreds of the damaged images of which speed/fuzz_images.py tries 40,000."""

from __future__ import annotations

import numpy as np
import pytest

from pali3kit.errors import DataError
from pali3kit.images.decode import FORMATS, decode_image, read_size
from tests.images.damaged import DAMAGES, damaged, whole

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
MOST = 4_000_000  # pixels, for the sake of time


def test_all_formats_are_among_them_and_read_when_they_are_whole() -> None:
    assert set(FORMATS) <= set(whole())
    for images in whole().values():
        for data in images:
            width, height = decode_image(data, "x").size
            assert read_size(data, "x") == (height, width) and {width, height} == {48, 40}


def test_they_are_the_same_every_time_and_damaged_in_all_ways() -> None:
    some = [damaged(number) for number in range(300)]
    assert some == [damaged(number) for number in range(300)]
    assert {name for one in some for name in one.how.split(" + ")} == set(DAMAGES)


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_each_is_read_or_a_data_error(first: int) -> None:
    read = 0
    for number in range(first, first + 100):
        for upright in (True, False):
            try:
                image = np.asarray(decode_image(damaged(number).data, "x", MOST, upright))
            except DataError:
                continue
            assert image.dtype == np.uint8 and image.shape[2] in ((3,) if upright else (3, 4)), number
            assert read_size(damaged(number).data, "x", upright) == image.shape[:2], number
            read += 1
    assert 20 < read < 180
