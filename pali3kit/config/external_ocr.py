"""The schema of the section `data.ocr`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(kw_only=True)
class Ocr:
    """The words of an external OCR system in prompts, of training and testing alike, for benchmarks that have them.

    Keys:
        words: where they come from: `none`, `published` (the OCR files that were published with a data set) or an
            engine, which reads each image once. Benchmarks without published words are then not measured.
        order: `given` by the file or the engine, or `raster`, line by line from left to right.
        separator: what is written between two words.
        length: the most tokens of words, beside `prompt_length` for the rest of the prompt. Of too
            many words the last ones are left out.
    """

    words: Literal["none", "published", "rapidocr", "tesseract"] = "none"
    order: Literal["given", "raster"] = "given"
    separator: str = " "
    length: int = 256
