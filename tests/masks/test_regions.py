"""Boxes and masks are read from texts, and nothing else."""

from __future__ import annotations

from pali3kit.masks.codec import RegionFormat
from pali3kit.masks.regions import read_region
from pali3kit.masks.vqvae import MaskVQVAE

MASK_TOKENIZER = MaskVQVAE(codes=8, code_width=4, width=1).eval()
BOX = (16, 0, 48, 32)
REGIONS = RegionFormat(65, codes=8)
TEXT = REGIONS.write(REGIONS.write_box(BOX, 64, 64), [3] * 16)


def test_a_box_is_read_without_its_mask() -> None:
    assert read_region(TEXT, 64, 128, None, bins=65) == ((16, 0, 48, 64), None)
    assert read_region(TEXT.rsplit(" <", 1)[0], 64, 64, MASK_TOKENIZER, bins=65) == (BOX, None)
    box, logits = read_region(TEXT, 64, 64, MASK_TOKENIZER, bins=65)
    assert box == BOX and logits is not None and logits.shape == (64, 64)
