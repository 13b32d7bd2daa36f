"""The words of an external OCR system, for the prompts of a stage: those published with a set, or an engine's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pali3kit.data.ocr import Engine, ReadWords, WordsInPrompts, create_engine
from pali3kit.data.record import Word
from pali3kit.data.source import Source
from pali3kit.errors import DataError
from pali3kit.plan.pali import TextConfig
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import StageContext

FILE = "words.jsonl"


class WordsFile:
    """The words of images in a file, a line of JSON for each image, which is appended when its words are first read.

    A line is `{"image", "sha256", "words": [[text, [y0, x0, y1, x1]], ...]}`. Images of equal content, as where each
    question of a test split has its own, are read once. One that cannot be decoded has no words, and `error` says why.

    Args:
        folder: of the file. An incomplete last line, of a killed run, is removed where an engine continues it, which
            also tries images again that could not be decoded.
        engine: reads the words that the file does not have.
        source, split: of the images.
    """

    def __init__(
        self, folder: Path, engine: Engine | None = None, source: Source | None = None, split: str = ""
    ) -> None:
        self.path, self.engine, self.source, self.split = folder / FILE, engine, source, split
        self._lines: dict[int, bytes] = {}
        self._by_content: dict[str, bytes] = {}
        whole = 0
        for line in self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else ():
            if (entry := _entry(line)) is None:
                break
            if engine is None or "error" not in entry:  # an image may have been mended: it is read again
                self._keep(line, entry)
            whole += len(line)
        if engine is not None and self.path.exists():
            with self.path.open("r+b") as file:
                file.truncate(whole)

    def words(self, number: int) -> tuple[Word, ...]:
        """The words of an image, none where it cannot be decoded."""
        return tuple(Word(text, tuple(box)) for text, box in json.loads(self._line(number))["words"])

    def error(self, number: int) -> str:
        """Why an image cannot be decoded, or ""."""
        return str(json.loads(self._line(number)).get("error", ""))

    def _line(self, number: int) -> bytes:
        if number not in self._lines:
            if self.engine is None:
                raise DataError(f"{self.path} has no words of image {number}")
            entry = self._read(number)
            line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
            with self.path.open("ab") as file:
                file.write(line)
            self._keep(line, entry)
        return self._lines[number]

    def _read(self, number: int) -> dict[str, object]:
        assert self.engine is not None and self.source is not None
        try:
            image = self.source.image(self.split, number)
        except DataError as error:
            return {"image": number, "words": [], "error": str(error)}
        digest = sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()
        if digest in self._by_content:
            return {**json.loads(self._by_content[digest]), "image": number}
        words = [[word.text, word.box] for word in self.engine(image)]
        return {"image": number, "sha256": digest, "words": words}

    def _keep(self, line: bytes, entry: Mapping[str, Any]) -> None:
        self._lines[entry["image"]] = line
        self._by_content[entry.get("sha256", "")] = line


def _entry(line: bytes) -> dict[str, Any] | None:
    """The content of a whole line; None of one that was being written, or of the zeros that a power cut leaves."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def words_in_prompts(
    config: TextConfig, context: StageContext, source: Source, tokenizer: Tokenizer, split: str, count: int
) -> WordsInPrompts | None:
    """What writes the words of `config.ocr` into prompts; None without.

    An engine's are those of the parent `ocr`; without this parent, as outside of a run, they are read when they are
    needed and kept in the stage's own folder. Raises DataError where none of the first of `count` images has words.
    """
    if config.ocr is None:
        return None
    words = WordsInPrompts(
        _reading(config.ocr.words, context, source, split), config.ocr, tokenizer, config.prompt_length, source.skips
    )
    words.require_some(count)
    return words


def _reading(words: str, context: StageContext, source: Source, split: str) -> ReadWords:
    if words == "published":
        return lambda number: source.published_words(split, number)
    if "ocr" in context.parents:
        return WordsFile(context.parents["ocr"]).words
    return WordsFile(context.folder, create_engine(words, context.threads), source, split).words
