"""The words of an external OCR system: engines that read them in images, and their place in prompts (Table 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pali3kit.config.external_ocr import Ocr
from pali3kit.data.record import Word
from pali3kit.data.record_tasks import raster
from pali3kit.data.records import Skips
from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError
from pali3kit.text.prompts import with_words
from pali3kit.text.tokenizer import Tokenizer

Engine = Callable[[np.ndarray], tuple[Word, ...]]
"""From an image, uint8 `[H,W,3]`, to the words in it, in the engine's order."""
ReadWords = Callable[[int], Sequence[Word]]
"""From the number of an image in its split to the words in it. Raises DataError."""
_PROBED = 100  # images, among which one with words should be


def create_engine(name: str, threads: int = 1) -> Engine:
    """An OCR engine: `rapidocr`, with the models in its package, or `tesseract`, in English. Needs the extra `ocr`.

    Raises DataError where it is not installed, or the program tesseract is not on the machine.
    """
    try:
        return {"rapidocr": _rapidocr, "tesseract": _tesseract}[name](threads)
    except ImportError as error:
        raise DataError(f"OCR by {name} needs the package {error.name}: pip install 'pali3kit[ocr]'.") from error


def _rapidocr(threads: int) -> Engine:
    from rapidocr import RapidOCR

    options = {"Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": threads}
    engine = RapidOCR(params=options)

    def read(image: np.ndarray) -> tuple[Word, ...]:
        found = engine(image[..., ::-1], return_word_box=True)  # it takes BGR, as OpenCV
        lines = found.word_results if found.boxes is not None else ()
        return tuple(_words((text, np.asarray(corners)) for line in lines for text, _, corners in line))

    return read


def _tesseract(threads: int) -> Engine:
    import pytesseract

    try:
        pytesseract.get_tesseract_version()
    except pytesseract.TesseractNotFoundError as error:
        raise DataError("there is no program tesseract: install it (apt install tesseract-ocr).") from error

    def read(image: np.ndarray) -> tuple[Word, ...]:
        found: dict[str, list[Any]] = pytesseract.image_to_data(image, output_type=pytesseract.Output.DICT)
        sides = zip(*(found[side] for side in ("left", "top", "width", "height")), strict=True)
        corners = (np.array([[x, y], [x + width, y + height]]) for x, y, width, height in sides)
        return tuple(_words(zip(found["text"], corners, strict=True)))

    return read


def _words(found: Iterable[tuple[str, np.ndarray]]) -> Iterator[Word]:
    """Words of texts and (x, y) corners `[n,2]`, without blank ones."""
    for text, corners in found:
        if text.strip():
            (left, top), (right, bottom) = corners.min(0).round().tolist(), corners.max(0).round().tolist()
            yield Word(text, (int(top), int(left), int(bottom), int(right)))


class WordsInPrompts:
    """Writes the words of an OCR system into prompts, behind all that they had before.

    A prompt that would be longer than `length` tokens has the words up to there, none of which is cut.

    Args:
        read: the words of an image.
        ocr: their order and what separates them.
        tokenizer: which counts tokens.
        length: the most tokens of a prompt with words.
        skips: where images are recorded whose words cannot be read.
    """

    def __init__(self, read: ReadWords, ocr: Ocr, tokenizer: Tokenizer, length: int, skips: Skips | None) -> None:
        self.read, self.ocr, self.tokenizer, self.length, self.skips = read, ocr, tokenizer, length, skips

    def require_some(self, count: int) -> None:
        """Raise DataError where none of the first images has words: they are then those of other images."""
        some, problem = range(min(count, _PROBED)), ""
        for number in some:
            try:
                if self._texts((number,)):
                    return
            except DataError as error:  # recorded when the image is drawn
                problem = problem or f"; {error}"
        words = f"words of OCR (data.ocr.words: {self.ocr.words})"
        raise DataError(f"none of the first {len(some)} images has {words}{problem}")

    def example(self, example: Example) -> Example | None:
        """The example with words in its prompt; None where they cannot be read, which is recorded in `skips`.

        One with hidden answers then has no words, as a server wants an answer to each.
        """
        try:
            texts = self._texts(example.images)
        except DataError as error:
            if self.skips is None:
                raise
            self.skips.add(str(error))
            if not example.hidden:
                return None
            texts = []
        kept = self._fitting(example.prompt, texts)
        prompt = self._prompt(example.prompt, texts[:kept])
        return replace(example, prompt=prompt, ocr_words=(kept, len(texts) - kept))

    def examples(self, examples: Sequence[Example]) -> list[Example]:
        """The examples with words, without those whose words cannot be read."""
        return [found for each in examples if (found := self.example(each)) is not None]

    def task(self, task: Task) -> Task:
        """A task whose examples have the words."""
        return _WithWords(task, self)

    def _texts(self, images: Sequence[int]) -> list[str]:
        words = (self.read(image) for image in images)
        ordered = (raster(each) if self.ocr.order == "raster" else each for each in words)
        return [word.text for each in ordered for word in each if word.text]

    def _prompt(self, prompt: str, texts: Sequence[str]) -> str:
        return with_words(prompt, self.ocr.separator.join(texts)) if texts else prompt

    def _fitting(self, prompt: str, texts: Sequence[str]) -> int:
        """How many of the texts fit behind a prompt, found by bisection."""
        low, high = 0, len(texts)
        if self._fits(prompt, texts):
            return high
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(prompt, texts[:middle]) else (low, middle)
        return low

    def _fits(self, prompt: str, texts: Sequence[str]) -> bool:
        return len(self.tokenizer.encode(self._prompt(prompt, texts))) <= self.length


class _WithWords:
    def __init__(self, task: Task, words: WordsInPrompts) -> None:
        self.name, self.inner, self.words = task.name, task, words

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        example = self.inner.draw(split, index, rng)
        return None if example is None else self.words.example(example)

    def where(self, split: str, count: int) -> Sequence[range]:
        return self.inner.where(split, count)
