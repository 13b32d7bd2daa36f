"""Pages as a reproducible, endless stream: a pure function of options, split, kind and index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from pali3kit.catalogue import Catalogue
from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.lexicon import SPLITS, Lexicon
from pali3kit.data.pages.page import Drawing, Page, PageKind
from pali3kit.data.pages.typeface import fonts_digest
from pali3kit.data.world import atlas
from pali3kit.errors import DataError

GENERATOR_VERSION = 1  # raised by every change of what is drawn or asked
MIN_SIZE = 96  # pixels

PAGE: Catalogue[PageKind[Any]] = Catalogue("page", "pali3kit.data.pages.kinds", "pali3kit.data.pages.page:PageKind")


class Pages:
    """Pages as a pure function of the options, the split, the kind and the index.

    Args:
        kinds: names of kinds of pages; all of them by default.
        image_size: side of the square images in pixels, at least 96.
        seed: seed of all pages.

    `digest` is the SHA-256 of the packed fonts and sprites, the generator's version and the options.
    """

    def __init__(self, kinds: Sequence[str] | None = None, image_size: int = 128, seed: int = 0) -> None:
        if image_size < MIN_SIZE:
            wanted = f"must be at least {MIN_SIZE} for printed words to be legible"
            raise DataError(f"pages.image_size: {image_size}: {wanted}")
        self.image_size, self.seed = image_size, seed
        named = PAGE.names() if kinds is None else kinds
        self.kinds: tuple[str, ...] = tuple(PAGE.find(name).name for name in named)
        self._lexicons = {split: Lexicon(split) for split in SPLITS}
        content = [fonts_digest(), atlas.assets_digest(), GENERATOR_VERSION, list(self.kinds), image_size, seed]
        self.digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def page(self, split: str, kind: str, index: int) -> Page:
        """Page `index` of a kind in "train" or "test": its facts, questions and captions, not yet drawn."""
        if split not in SPLITS:
            Lexicon(split)
        described = PAGE.find(kind)
        stream = [self.seed, SPLITS.index(split), crc32(kind.encode()), index]
        draw = np.random.Generator(np.random.PCG64(stream)).random
        facts = described.sample(self._lexicons[split], draw, self.image_size)
        questions, captions = described.questions(facts, draw), described.captions(facts, draw)
        return Page(kind, split, index, self.image_size, facts, tuple(questions), tuple(captions))

    def draw(self, page: Page) -> Drawing:
        """Draw a page: RGB uint8 [H, W, 3] and its words."""
        canvas = Canvas(page.size)
        PAGE.find(page.kind).draw(page.facts, canvas)
        return canvas.drawing()
